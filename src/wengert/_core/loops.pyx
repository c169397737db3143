"""How does the program of a body run step after step?

Without Python between the steps, and without moving a number: only the addresses of inputs and outputs go on.
"""

from wengert._core.array_run cimport ArrayWorkspace, Runner, breathe, repeat

cdef int finish(Runner program, ArrayWorkspace w) except -1:
    """Raise what a step raised."""
    error = w.error
    program.give_back(w)
    if error is not None:
        raise error
    return 0


def run_steps(Runner program, Py_ssize_t n_steps, const Py_ssize_t[:, ::1] inputs, const Py_ssize_t[:, ::1] outputs,
              const Py_ssize_t[:, ::1] sums, Py_ssize_t breath):
    """Run a number of steps.

    Parameters
    ----------
    program : Runner
    n_steps : int
    inputs : ndarray of intp, shape (n_inputs, 5)
        Addresses at the first, the second and the last step, and how far they go on from even and from odd steps.
    outputs : ndarray of intp, shape (n_outputs, 3)
        Address at the first step, and how far it goes on from even and from odd steps.
    sums : ndarray of intp, shape (n, 3)
        Outputs to be added up: their number, the address of the sum, and how many numbers.
    breath : int
        Steps until Ctrl-C is noticed, which takes the GIL: some microseconds.
    """
    cdef ArrayWorkspace w = program.take_workspace()
    w.failed, w.error, w.keep = -1, None, []
    try:
        with nogil:
            repeat(program, w, n_steps, &inputs[0, 0] if inputs.shape[0] else NULL, <int>inputs.shape[0],
                   &outputs[0, 0] if outputs.shape[0] else NULL, <int>outputs.shape[0],
                   &sums[0, 0] if sums.shape[0] else NULL, <int>sums.shape[0], breath)
    finally:
        finish(program, w)


def run_while(Runner program, const Py_ssize_t[::1] constants, const Py_ssize_t[::1] offsets, Py_ssize_t first_address,
              Py_ssize_t second_address, Py_ssize_t breath):
    """Run steps as long as the last output, which is a number, is not zero.

    Parameters
    ----------
    program : Runner
        Its inputs are constants, then the carry; its outputs the carry, then the condition.
    constants : ndarray of intp
        Addresses.
    offsets : ndarray of intp
        Of the parts of the carry, in bytes.
    first_address, second_address : int
        Two places for a carry. It begins in the first, and the two take turns.
    breath : int
        Steps until Ctrl-C is noticed.

    Returns
    -------
    int
        The number of steps. If it is odd, the last carry is in the second place.
    """
    cdef ArrayWorkspace w = program.take_workspace()
    cdef int first = 1 + program.n_inputs + <int>len(program.constants)
    cdef Py_ssize_t t = 0, k, n_carry = offsets.shape[0], n_constants = constants.shape[0]
    cdef char* here = <char*>first_address
    cdef char* there = <char*>second_address
    cdef char* other
    cdef double goes_on = 1.0
    w.failed, w.error, w.keep = -1, None, []
    try:
        with nogil:
            for k in range(n_constants):
                w.base[1 + k] = <char*>constants[k]
            w.base[first + n_carry] = <char*>&goes_on
            while goes_on != 0.0:
                for k in range(n_carry):
                    w.base[1 + n_constants + k] = here + offsets[k]
                    w.base[first + k] = there + offsets[k]
                if program.execute(w) or w.error is not None:
                    break
                other = here
                here = there
                there = other
                t += 1
                if t % breath == 0 and breathe(w):
                    break
    finally:
        finish(program, w)
    return t
