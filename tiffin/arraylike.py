"""What lets a table be handed to code that expects an array: AWS's toolkit gives predict_fn one (K-03).

`model.predict(data)`, `np.asarray(data)`, `data.shape`, `data.reshape(1, -1)`, `data[:, 0]`, `data / 255` work on the
table's numbers. They are read when they are first asked for, strictly: a cell that is no number is the caller's error,
where AWS's toolkit makes it NaN (K-06).
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.mixins import NDArrayOperatorsMixin

_ARRAY = frozenset(name for name in dir(np.ndarray) if not name.startswith("_"))


class ArrayLike(NDArrayOperatorsMixin):
    @property
    def as_array(self) -> npt.NDArray[Any]:
        """Its own, to write into; raises BadPayload where a cell is no number."""
        raise NotImplementedError

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        array = self.as_array if dtype is None else self.as_array.astype(dtype, copy=False)
        return array.copy() if copy else array

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        arrays = [item.as_array if isinstance(item, ArrayLike) else item for item in inputs]
        call: Callable[..., Any] = getattr(ufunc, method)
        return call(*arrays, **options)

    def __getattr__(self, name: str) -> Any:
        if name not in _ARRAY:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.as_array, name)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            raise TypeError(f"a table of rows has no [{key!r}]; TIFFIN_JSON_BODIES=parsed hands JSON over as it is")
        return self.as_array[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.as_array)
