select * from benchmark.network_deciles
