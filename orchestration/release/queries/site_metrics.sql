select * from shown_metrics where release_table = 'site_metrics'
