"""Which estimators are there for those who know scikit-learn?"""

from wengert.extras import needed

needed("sklearn.base", "wengert.sklearn", "nn")

from wengert.sklearn.classifier import MLPClassifier  # noqa: E402
from wengert.sklearn.regressor import MLPRegressor  # noqa: E402

__all__ = ["MLPClassifier", "MLPRegressor"]
