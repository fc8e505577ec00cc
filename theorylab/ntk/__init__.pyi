from .problem import Activation as Activation
from .problem import optimal_activation as optimal_activation
from .theory import NTK as NTK
from .theory import DepthLimit as DepthLimit
from .theory import KernelGradientFlow as KernelGradientFlow
from .theory import dual_activation as dual_activation
from .theory import early_stopping_risk as early_stopping_risk
