from .problem import Activation as Activation
from .theory import NTK as NTK
from .theory import dual_activation as dual_activation
