"""How many years of school a text asks for: Flesch-Kincaid grade (Kincaid et al. 1975).

Grade = 0.39 words / sentences + 11.8 syllables / words - 15.59. Syllables are groups of vowels, a
silent e at the end left out; a number counts as one word of one syllable.
"""

import re

_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
_WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?|\d[\d.,]*")


def _syllables(word: str) -> int:
    if word[0].isdigit():
        return 1
    letters = word.lower().split("'")[0]
    groups = len(re.findall(r"[aeiouy]+", letters))
    if letters.endswith("e") and not letters.endswith("le") and groups > 1:
        groups -= 1
    if re.search(r"[^aeioudt]ed$", letters) and groups > 1:
        groups -= 1
    return max(groups, 1)


def reading_grade(text: str) -> float:
    """Flesch-Kincaid grade of a text; ValueError when it holds no word."""
    words = _WORD.findall(text)
    if not words:
        raise ValueError("no words to grade")
    n_sentences = max(len(_SENTENCE_END.findall(text)), 1)
    n_syllables = sum(map(_syllables, words))
    return 0.39 * len(words) / n_sentences + 11.8 * n_syllables / len(words) - 15.59
