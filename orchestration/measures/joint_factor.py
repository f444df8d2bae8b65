"""Groups that meet crosswise, factored together: sparse where few labels meet, else dense."""

import numpy as np
from scipy import linalg, sparse
from scipy.sparse.linalg import splu

from orchestration.measures.arrays import Floats

_SPARSE_SHARE = 0.1
_SMALL = 400


class JointFactor:
    """Cholesky of theta G theta + I over the groups that meet."""

    def __init__(self, gram: sparse.csr_array, scale: Floats) -> None:
        self._n = scale.size
        self._is_sparse = self._n > _SMALL and gram.nnz < _SPARSE_SHARE * self._n**2
        if self._is_sparse:
            diagonal = sparse.diags_array(scale)
            whole = sparse.csc_array(diagonal @ gram @ diagonal + sparse.eye_array(self._n))
            self._lu = splu(
                whole,
                permc_spec="MMD_AT_PLUS_A",
                diag_pivot_thresh=0.0,
                options={"SymmetricMode": True},
            )
            self.log_determinant = float(np.sum(np.log(np.abs(self._lu.U.diagonal()))))
        else:
            whole = scale[:, None] * gram.toarray() * scale
            whole.flat[:: self._n + 1] += 1.0
            self._lower = linalg.cholesky(whole, lower=True, overwrite_a=True, check_finite=False)
            self.log_determinant = float(2.0 * np.sum(np.log(np.diag(self._lower))))

    def solve(self, right: Floats) -> Floats:
        """The inverse times `right`."""
        if self._is_sparse:
            return np.asarray(self._lu.solve(np.ascontiguousarray(right)))
        return np.asarray(linalg.cho_solve((self._lower, True), right, check_finite=False))

    def inverse(self) -> Floats:
        """The whole inverse, dense."""
        return self.solve(np.eye(self._n))
