select * from shown_adjustments
