class Pipe:
    def __call__(self, inputs, top_k=1):
        texts = [inputs] if isinstance(inputs, str) else inputs
        found = [[{"label": word, "score": 1 / (i + 1)} for i, word in enumerate(t.split()[:top_k])] for t in texts]
        return [labels[0] if top_k == 1 else labels for labels in found]


def model_fn(model_dir):
    return Pipe()


def predict_fn(data, pipe):
    inputs = data.pop("inputs", data)
    parameters = data.pop("parameters", None)
    if parameters is not None:
        return pipe(inputs, **parameters)
    return pipe(inputs)
