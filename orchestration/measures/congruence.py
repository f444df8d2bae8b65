"""How a therapist's form goes with the client's of the same session: directional bias and tracking.

West TV, Kenny DA (2011). The truth and bias model of judgment. Psychol Rev 118:357-378, doi
10.1037/a0022936. The client's form is the truth T, the therapist's the judgment J. With both
centred on the client's mean in the dyad, J - mean(T) = bias + tracking (T - mean(T)) + error: the
intercept is the directional bias (above 0: the therapist rates higher), the slope is tracking (1:
moves as the client does, 0: does not).

Estimator, per site: no likelihood and no distribution of dyads is assumed.
- Bias: every dyad's mean of (J - T), averaged over the dyads with equal weight.
- Tracking: one slope for all dyads, of J on T, both centred on their dyad's means (the within or
  fixed-effects estimator), so that differences between dyads cannot enter it.
- Standard errors: sandwich over clusters with the factor C / (C - 1) (Liang KY, Zeger SL 1986,
  Biometrika 73:13-22), intervals with Student's t of C - 1 degrees of freedom. A cluster is a dyad,
  or a therapist where the caller says who that is.

Error in the client's form draws the slope towards 0; a site's figure describes, and no dyad has one
of its own.
"""

from dataclasses import dataclass

import numpy as np

from orchestration.measures.arrays import Bools, Estimate, Floats, Ints, MeasureUndefined, Reason

FEWEST_PAIRS = 3
"""Pairs a dyad needs to be counted."""
FEWEST_CLUSTERS = 10
"""Dyads (therapists) a site needs. Ours: the sandwich is too narrow with fewer."""


@dataclass(frozen=True)
class Congruence:
    """`bias` in the forms' unit, above 0 where therapists rate higher; `tracking` has no unit.

    None with a Reason. `n_dyads` with enough pairs, `n_pairs` theirs, `n_dyads_short` those left
    out for having too few; `n_dyads_moving`: dyads whose client's forms differ, which alone say
    something of tracking; `n_clusters` as above.
    """

    bias: Estimate | None
    tracking: Estimate | None
    n_dyads: int
    n_pairs: int
    n_dyads_short: int
    n_dyads_moving: int
    n_clusters: int
    reasons: tuple[Reason, ...]


def congruence(
    client: Floats,
    therapist: Floats,
    dyad: Ints,
    cluster: Ints | None = None,
    *,
    fewest_pairs: int = FEWEST_PAIRS,
    fewest_clusters: int = FEWEST_CLUSTERS,
) -> Congruence:
    """Bias and tracking of one site's pairs: one entry per pair of forms on one scale.

    `dyad` numbers client and therapist; `cluster` the therapist, without it the dyad. All pairs of
    a dyad are of one cluster.

    Raises MeasureUndefined for arrays of different length, a score that is missing, or a dyad in
    two clusters.
    """
    cluster = dyad if cluster is None else cluster
    if not client.shape == therapist.shape == dyad.shape == cluster.shape or client.ndim != 1:
        raise MeasureUndefined("two scores, a dyad and a cluster per pair are needed")
    if np.isnan(client).any() or np.isnan(therapist).any():
        raise MeasureUndefined("a pair has two scores: leave out what is missing")
    _, place, size = np.unique(dyad, return_inverse=True, return_counts=True)
    if np.unique(np.column_stack([place, cluster]), axis=0).shape[0] != size.size:
        raise MeasureUndefined("a dyad is in two clusters")
    n_short = int((size < fewest_pairs).sum())
    kept = (size >= fewest_pairs)[place]
    client, therapist = client[kept], therapist[kept]
    first, place = np.unique(place[kept], return_inverse=True)
    _, group = np.unique(cluster[kept], return_inverse=True)
    n_dyads, n_pairs = int(first.size), int(client.size)
    n_clusters = int(group.max()) + 1 if group.size else 0

    client_inside, therapist_inside = _centred(client, place), _centred(therapist, place)
    # What is left of equal numbers after their mean is taken off is rounding.
    moves = np.bincount(place, np.abs(client_inside) > 1e-9, minlength=n_dyads) > 0
    reasons: list[Reason] = []
    bias = tracking = None
    if n_clusters < max(fewest_clusters, 2):
        text = f"needs {max(fewest_clusters, 2)} clusters of dyads, found {n_clusters}"
        reasons += [Reason("bias", text), Reason("tracking", text)]
    else:
        bias = _bias(client, therapist, place, group)
        tracking = _tracking(client_inside, therapist_inside, moves[place], group, reasons)
    return Congruence(
        bias, tracking, n_dyads, n_pairs, n_short, int(moves.sum()), n_clusters, tuple(reasons)
    )


def _centred(score: Floats, place: Ints) -> Floats:
    return score - (np.bincount(place, score) / np.bincount(place))[place]


def _bias(client: Floats, therapist: Floats, place: Ints, group: Ints) -> Estimate:
    gap = np.bincount(place, therapist - client) / np.bincount(place)
    group_of_dyad = np.zeros(gap.size, dtype=np.int64)
    group_of_dyad[place] = group
    mean = float(gap.mean())
    return _estimate(mean, np.bincount(group_of_dyad, gap - mean) / gap.size)


def _tracking(
    client: Floats,
    therapist: Floats,
    moves: Bools,
    group: Ints,
    reasons: list[Reason],
) -> Estimate | None:
    n_moving = int(np.unique(group[moves]).size)
    if n_moving < 2:
        text = f"the clients' forms differ in {n_moving} clusters of dyads: nothing to track"
        reasons.append(Reason("tracking", text))
        return None
    spread = float(client @ client)
    slope = float(client @ therapist) / spread
    pull = np.bincount(group[moves], (client * (therapist - slope * client))[moves])
    # Clusters without a client who moves have no part in the slope, nor in its degrees of freedom.
    return _estimate(slope, pull[np.unique(group[moves])] / spread)


def _estimate(value: float, influence: Floats) -> Estimate:
    """`influence`: each cluster's share in the figure's error."""
    n = influence.size
    error = float(np.sqrt(n / (n - 1) * (influence**2).sum()))
    return Estimate.of(value, error, n - 1)
