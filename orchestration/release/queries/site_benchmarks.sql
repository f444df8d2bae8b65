-- Whole percent, as in response_rates: an exact rate is a fraction of two counts and gives them away.
-- Flags and comparability were worked out from the exact one.
select * replace (round(response_rate, 2) as response_rate)
from benchmark.site_benchmarks
