import numpy as np


def model_fn(model_dir):
    return np.array([1.0, 10.0, 100.0])


def predict_fn(data, model):
    rows = data.reshape(-1, 3) / 2
    assert rows.dtype == np.float64
    total = np.dot(rows, model) + data[:, 0] * 0
    return {"shape": data.shape, "total": total, "first": [row[0] for row in data]}
