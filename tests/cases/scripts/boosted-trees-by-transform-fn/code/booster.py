class DMatrix:
    def __init__(self, data):
        self.data = data


class Booster:
    def load_model(self, file):
        with open(file) as lines:
            self.weights = [float(line) for line in lines]

    def predict(self, matrix, pred_contribs=False):
        return [sum(w * x for w, x in zip(self.weights, row)) for row in matrix.data]
