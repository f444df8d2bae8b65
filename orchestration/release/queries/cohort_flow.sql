select * from shown_metrics where release_table = 'cohort_flow'
