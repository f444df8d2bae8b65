select * from benchmark.site_trends
