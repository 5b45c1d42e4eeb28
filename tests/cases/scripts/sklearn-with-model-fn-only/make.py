import joblib
import numpy as np
from sklearn.tree import DecisionTreeClassifier

X = np.array([[1.0, 1.0], [1.0, 9.0], [9.0, 1.0], [9.0, 9.0]])
joblib.dump(DecisionTreeClassifier(random_state=0).fit(X, [0, 0, 1, 1]), "model.joblib")
