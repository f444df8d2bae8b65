select * from shown_metrics where release_table = 'stage_profiles'
