"""One made-up identifier of every class the gate knows, for tests that plant them."""

PLANTED = {
    "e-mail address": ("who@example.org", "wer.w+x@praxis-müller.example"),
    "web address": ("https://example.org/x", "WWW.example.org"),
    "social security number": ("123-45-6789", "123 45 6789"),
    "telephone number": (
        *("(212) 555-0142", "(212)555-0142", "212.555.0142", "+12125550142", "+44 20 7946 0958"),
        *("01 23 45 67 89", "030 1234567", "212\u2011555\u20110142"),
    ),
    "network address": ("10.20.30.40", "2001:db8::ff00:42", "00:1A:2B:3C:4D:5E"),
    "bank account": ("DE89 3704 0044 0532 0130 00", "FR1420041010050500013M02606"),
    "payment card": ("4111 1111 1111 1111", "4111111111111111", "3782-822463-10005"),
    "street address": ("12 Elm Street", "12b Old Mill Rd", "3, rue de la Paix", "Musterstraße 5"),
    "record number": ("MRN 1234567", "Chart no: 88231", "1EG4-TE5-MK73", "Patienten-Nr: 4711"),
}
"""Class -> texts that are of it."""

CLEAN = (
    *("S-2026-000123", "2026-09-30", "C_10293", "31.12.2025", "100.5", "completed", "40_49"),
    *("h390527413", "PF.36842.1052", "3684-BBD-4736", "3495-DEA-6148", "rc_3713685674"),
    *("123e4567-e89b-42d3-a456-426614174000", "12345678-1234-4123-8123-123456789012"),
    *("07/11/2024 14:30:00", "2026-02-03T10:20:30+01:00", "14-Jul-2026", "01-02-26 10.30.00"),
    *("http_status 404", "4111111111111112", "DE88370400440532013000", "R_3kPq8vXz1AbCdEf"),
    *("several days", "not at all", "44250-9", "LA6570-1", "p123456789012345678", "1.3.6.1.4.1.11"),
    *("attended, 50 minutes", "individual: 12", "Room 12", "Wave 2", "10:20:30", "999", "-99"),
)
"""Ordinary cells, some of which look like an identifier at first sight."""
