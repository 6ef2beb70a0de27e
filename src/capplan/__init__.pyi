from capplan.api import Answer as Answer
from capplan.api import Change as Change
from capplan.api import CheckAnswer as CheckAnswer
from capplan.api import ComponentView as ComponentView
from capplan.api import Cost as Cost
from capplan.api import EstimateAnswer as EstimateAnswer
from capplan.api import Finding as Finding
from capplan.api import InputError as InputError
from capplan.api import InstanceCounts as InstanceCounts
from capplan.api import LineView as LineView
from capplan.api import LoadedPlan as LoadedPlan
from capplan.api import explain as explain
from capplan.api import load as load
from capplan.api import prices as prices

__version__: str
