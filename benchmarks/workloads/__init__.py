"""Which problems do the peers solve? Each module of this package states one, in plain Python."""

from wengert.benchmarks.workloads.asian_basket import ASIAN_BASKET
from wengert.benchmarks.workloads.asian_option import ASIAN_OPTION
from wengert.benchmarks.workloads.black_scholes import BLACK_SCHOLES
from wengert.benchmarks.workloads.bundle import BUNDLE
from wengert.benchmarks.workloads.chain import CHAIN
from wengert.benchmarks.workloads.gmm import GMM_LARGE, GMM_MEDIUM, GMM_SMALL
from wengert.benchmarks.workloads.kmeans import KMEANS
from wengert.benchmarks.workloads.llsq import LLSQ
from wengert.benchmarks.workloads.logistic import LOGISTIC
from wengert.benchmarks.workloads.lotka_volterra import LOTKA_VOLTERRA
from wengert.benchmarks.workloads.lse import LSE
from wengert.benchmarks.workloads.lstm import LSTM
from wengert.benchmarks.workloads.minors import MINORS
from wengert.benchmarks.workloads.network import NETWORK
from wengert.benchmarks.workloads.ode import ODE
from wengert.benchmarks.workloads.problem import Problem
from wengert.benchmarks.workloads.robot_arm import ROBOT_ARM, ROBOT_ARM_CALL
from wengert.benchmarks.workloads.rosenbrock import (
    ROSENBROCK_10,
    ROSENBROCK_10_CALL,
    ROSENBROCK_10_INTO,
    ROSENBROCK_100,
    ROSENBROCK_1000,
)
from wengert.benchmarks.workloads.square import SQUARE
from wengert.benchmarks.workloads.staged import STAGED
from wengert.benchmarks.workloads.training import TRAINING

PROBLEMS: dict[str, Problem] = {
    problem.name: problem
    for problem in (
        SQUARE,
        ROSENBROCK_10_CALL,
        ROSENBROCK_10_INTO,
        ROSENBROCK_10,
        ROSENBROCK_100,
        ROSENBROCK_1000,
        STAGED,
        ASIAN_OPTION,
        ASIAN_BASKET,
        BLACK_SCHOLES,
        LOGISTIC,
        NETWORK,
        ROBOT_ARM_CALL,
        ROBOT_ARM,
        LOTKA_VOLTERRA,
        GMM_SMALL,
        GMM_MEDIUM,
        GMM_LARGE,
        *LSTM,
        *LLSQ,
        *LSE,
        *KMEANS,
        *ODE,
        *MINORS,
        *BUNDLE,
        CHAIN,
        *TRAINING,
    )
}
