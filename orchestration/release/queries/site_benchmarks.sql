select * from benchmark.site_benchmarks
