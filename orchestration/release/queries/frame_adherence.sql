select * from shown_metrics where release_table = 'frame_adherence'
