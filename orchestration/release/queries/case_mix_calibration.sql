-- Of a network whose tenths are of few clients there is none: each is a mean of its clients.
select
    deciles.instrument_code,
    deciles.version,
    deciles.language,
    deciles.informant,
    deciles.collection_mode,
    deciles.stage,
    deciles.decile as tenth,
    shown_mean(deciles.expected, deciles.n_clients, scales.maximum - scales.minimum) as expected,
    shown_mean(deciles.observed, deciles.n_clients, scales.maximum - scales.minimum) as observed
from benchmark.case_mix_calibration as deciles
left join marts.dim_scales as scales
    on
        deciles.instrument_code = scales.instrument_code
        and deciles.version = scales.version
        and scales.scale = 'total'
qualify
    min(deciles.n_clients) over (
        partition by
            deciles.instrument_code,
            deciles.version,
            deciles.language,
            deciles.informant,
            deciles.collection_mode,
            deciles.stage
    ) >= least_clients()
