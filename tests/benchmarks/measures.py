"""What the measures cost beside the least they could cost."""

DECLARED_AS_WELL = """
insert into reference.parallel_forms values
    ('wai_sr', '1', 'wai_srt', '1'), ('wai_srt', '1', 'wai_sr', '1');
insert into reference.cut_offs values
    ('phq_9', '1', 'total', 'bench', 10, 'above', true, '', '', '', 'clinical_range', '', '');
"""
"""Made up, so that there are pairs to match and ranges to leave: no shipped instrument of the sample
practices declares either."""
