from .problem import TransportProblem as TransportProblem
from .problem import check_transport as check_transport
from .problem import gaussian_clouds as gaussian_clouds
from .problem import generic_marginals as generic_marginals
from .problem import iid_costs as iid_costs
from .problem import stroke_images as stroke_images
from .problem import uniform_marginals as uniform_marginals
