"""How is a network trained?"""

from wengert.training.fit import fit
from wengert.training.history import Epoch, History
from wengert.training.predict import Predictor
from wengert.training.step import Step, supervised

__all__ = ["Epoch", "History", "Predictor", "Step", "fit", "supervised"]
