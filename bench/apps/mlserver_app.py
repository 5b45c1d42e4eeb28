"""A custom runtime of MLServer, asked by its own protocol (V2)."""

from colour_tree import features, load
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse


class ColourTree(MLModel):
    async def load(self) -> bool:
        self._tree = load()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        rgb = NumpyCodec.decode_input(payload.inputs[0])
        labels = self._tree.predict(features(rgb)).tolist()
        return InferenceResponse(model_name=self.name, outputs=[StringCodec.encode_output("label", labels)])
