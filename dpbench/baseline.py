"""All that the author of a baseline imports: `from dpbench.baseline import Baseline, ChunkConfig, Preset, ...`."""

from dpbench.nets.features import Features as Features
from dpbench.policies.baseline import Baseline as Baseline
from dpbench.policies.baseline import ChunkConfig as ChunkConfig
from dpbench.policies.baseline import Preset as Preset
from dpbench.policies.baseline import Role as Role
from dpbench.policies.baseline import ScriptedPolicy as ScriptedPolicy
from dpbench.policies.baseline import TrainingConfig as TrainingConfig
from dpbench.policies.baseline import small_training as small_training
from dpbench.policies.method import Batch as Batch
from dpbench.policies.method import Fitted as Fitted
from dpbench.policies.method import Method as Method
from dpbench.policies.method import PartlyDecayed as PartlyDecayed
from dpbench.policies.method import Recurrent as Recurrent
from dpbench.policies.method import TrainingSet as TrainingSet
from dpbench.policies.noise import NoiseStreams as NoiseStreams
from dpbench.policies.protocol import Observations as Observations
from dpbench.policies.protocol import Policy as Policy
from dpbench.policies.sampling import SamplingChoice as SamplingChoice
from dpbench.policies.sampling import option as option
from dpbench.policies.sampling import read_options as read_options
