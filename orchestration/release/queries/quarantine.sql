select * from quality.quarantine
