# Which operations on whole arrays need no second look?
#
# Operands are array nodes, vars, and Python's and NumPy's numbers and arrays. The result is an array node, a var, or an
# ndarray of truth values or integers. It is None if there is more to the operation than its most frequent form, and if
# it is wrong: then the general way does it, or refuses it. So it is while a function is recorded for a program.

from wengert._core.array_node cimport ArrayNode

# An elementwise op of one argument (`right` is None) or two, at least one of them an array node.
cdef object quick_elementwise(int op, object left, object right)

# The sum (or the product, or the extreme) over all axes (None) or one, by the `reduce` of the row of that name.
cdef object quick_reduction(str name, ArrayNode x, object axis, object keepdims)

cdef object quick_matmul(object left, object right)

# These move elements. Of the parts that are joined, one at least is an array node.
cdef object quick_concatenate(list parts, int axis)
cdef object quick_reshape(ArrayNode x, object shape)
cdef object quick_transpose(ArrayNode x)
cdef object quick_getitem(ArrayNode x, object key)
