select * from quality.check_results
