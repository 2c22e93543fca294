"""One line per function: its arguments in NumPy's order, each with a kind, in the grammar that `forms.py` explains."""

import numpy as np

UNARY = """
negative positive absolute fabs exp exp2 expm1 sin cos tan arctan sinh cosh tanh arcsinh rad2deg degrees deg2rad radians square cbrt
floor ceil rint trunc sign reciprocal isnan isinf isfinite signbit logical_not spacing conj conjugate
""".split()
DOMAINS = {"log": "positive", "log2": "positive", "log10": "positive", "log1p": "positive", "sqrt": "positive", "arcsin": "unit",
           "arccos": "unit", "arctanh": "unit", "arccosh": "above_one"}
BINARY = """
add subtract multiply divide true_divide maximum minimum fmax fmin logaddexp logaddexp2 mod remainder fmod arctan2 hypot copysign
heaviside floor_divide nextafter equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor
""".split()

GRAMMAR = {name: "x:array | * out:out where:mask dtype:floating" for name in UNARY}
GRAMMAR |= {name: f"x:{domain} | * out:out where:mask dtype:floating" for name, domain in DOMAINS.items()}
GRAMMAR |= {name: "a:array b:broadcast | * out:out where:mask dtype:floating" for name in BINARY}
GRAMMAR |= {name: "a:positive b:broadcast | * out:out where:mask" for name in ("power", "float_power")}
GRAMMAR |= {f"{name}.reduce": "a:array | axis:axes dtype:floating out:out keepdims:flag initial:number where:mask"
            for name in ("add", "multiply", "maximum", "minimum", "logaddexp", "hypot")}
GRAMMAR |= {f"{name}.accumulate": "a:atleast1 | axis:axis dtype:floating out:out" for name in ("add", "multiply", "maximum")}
GRAMMAR |= {f"{name}.outer": "a:array b:array" for name in ("add", "multiply", "arctan2")}
GRAMMAR |= {f"{name}.reduceat": "a:atleast1 i:{[0],[0,1],[0,0]} | axis:axis dtype:floating out:out" for name in ("add", "multiply")}
GRAMMAR |= {name: "x:array | * out:pair where:mask" for name in ("modf", "frexp")}
GRAMMAR |= dict(line.split(" ", 1) for line in """
ldexp x:array n:{0,1,-3,2} | * out:out where:mask
divmod a:array b:broadcast | * out:pair where:mask
sinc x:array
i0 x:array
nan_to_num x:array | copy:{True} nan:number posinf:number neginf:number
real val:array
imag val:array
real_if_close a:array
angle z:array | deg:flag
clip a:array a_min:low a_max:high | out:out
where condition:mask x:array y:broadcast
astype x:array dtype:floating | * copy:flag
reshape a:array shape:reshaped | order:{'C','F','A'} * copy:flag
ravel a:array | order:{'C','F','A','K'}
roll a:array shift:{0,1,-2,7} | axis:axis
array_split ary:atleast1 indices_or_sections:{1,2,3,[1],[0,2]} | axis:axis
split ary:pairs indices_or_sections:{1,2,[1],[1,1]} | axis:{0}
vsplit ary:table indices_or_sections:{1,[1],[0,2]}
hsplit ary:table indices_or_sections:{1,[1],[2,1]}
dsplit ary:cube indices_or_sections:{1,[1]}
expand_dims a:array axis:{0,-1,(0,1)}
squeeze a:array
diag v:table | k:{0,1,-1,5}
diagflat v:array | k:{0,1,-1}
diagonal a:table | offset:{0,1,-1,5} axis1:{0} axis2:{1}
trace a:table | offset:{0,1,-2} axis1:{1} axis2:{0} dtype:floating out:out
triu m:table | k:{0,1,-1}
tril m:table | k:{0,1,-1}
flip m:array | axis:axes
flipud m:atleast1
fliplr m:table
rot90 m:table | k:{0,1,2,3,-1} axes:{(0,1),(1,0)}
swapaxes a:atleast1 axis1:axis axis2:axis
moveaxis a:atleast1 source:axis destination:axis
rollaxis a:atleast1 axis:axis | start:{0}
transpose a:array | axes:permutation
permute_dims a:array | axes:permutation
matrix_transpose x:table
broadcast_to array:array shape:stretched
broadcast_arrays a:array b:broadcast
atleast_1d a:array
atleast_2d a:array
atleast_3d a:array
repeat a:array repeats:{0,1,2} | axis:axis
tile A:array reps:{2,(1,2),(2,1),()}
pad array:filled pad_width:{0,1,(1,2)} | mode:{'constant','edge','reflect','wrap','symmetric','mean','maximum','linear_ramp'}
concatenate arrays:arrays | axis:axis * out:out dtype:floating
concat arrays:arrays | axis:axis
stack arrays:arrays | axis:{0,-1} * out:out
vstack tup:arrays
hstack tup:arrays
dstack tup:arrays
column_stack tup:vectors
append arr:array values:array
block arrays:arrays
select condlist:masks choicelist:two | default:number
meshgrid x:vector y:vector | * indexing:{'xy','ij'} sparse:flag copy:flag
sum a:array | axis:axes dtype:floating out:out keepdims:flag initial:number where:mask
mean a:filled | axis:axes dtype:floating out:out keepdims:flag * where:anymask
prod a:array | axis:axes dtype:floating out:out keepdims:flag initial:number where:mask
var a:filled | axis:axes dtype:floating out:out ddof:{0,0.5} keepdims:flag * where:anymask
std a:several | axis:wide dtype:floating out:out ddof:{0,0.5} keepdims:flag
max a:filled | axis:axes out:out keepdims:flag initial:number
min a:filled | axis:axes out:out keepdims:flag initial:number
amax a:filled | axis:axes out:out keepdims:flag
amin a:filled | axis:axes out:out keepdims:flag
ptp a:filled | axis:axes out:out keepdims:flag
cumsum a:array | axis:axis dtype:floating out:out
cumprod a:array | axis:axis dtype:floating out:out
cumulative_sum x:atleast1 * axis:axis | dtype:floating include_initial:flag
cumulative_prod x:atleast1 * axis:axis | dtype:floating include_initial:flag
diff a:atleast1 | n:{0,1,2} axis:axis * prepend:number
ediff1d ary:array | to_end:number to_begin:number
gradient f:long | * axis:axis edge_order:{1,2}
sort a:atleast1 | axis:axis kind:{'stable','quicksort','heapsort'} * stable:flag
argsort a:atleast1 | axis:axis kind:{'stable'}
argmax a:filled | axis:axis out:integers * keepdims:flag
argmin a:filled | axis:axis * keepdims:flag
linspace start:array stop:broadcast | num:{0,1,2,5} endpoint:flag * axis:{0,-1} dtype:floating
logspace start:unit stop:broadcast | num:{0,1,4} endpoint:flag base:{2.0,10.0} dtype:floating
geomspace start:positive stop:positive_too | num:{1,2,4} endpoint:flag dtype:floating
median a:filled | axis:axes * keepdims:flag out:out
average a:filled | axis:axes * keepdims:flag
quantile a:filled q:{0.0,0.3,1.0,[0.2,0.7]} | axis:axes * keepdims:flag method:{'linear','lower','hazen','midpoint','nearest'}
percentile a:filled q:{0.0,30,100,[20,70]} | axis:axes * keepdims:flag
nansum a:nan | axis:axes dtype:floating out:out keepdims:flag initial:number where:mask
nanprod a:nan | axis:axes dtype:floating out:out keepdims:flag initial:number where:mask
nanmean a:nan | axis:axes dtype:floating out:out keepdims:flag
nanvar a:nan | axis:axes dtype:floating out:out ddof:{0,1} keepdims:flag
nanstd a:nan * ddof:{0,1} | keepdims:flag
nanmax a:nan | axis:axes out:out keepdims:flag initial:number
nanmin a:nan | axis:axes out:out keepdims:flag initial:number
nanmedian a:nan | axis:axes * keepdims:flag out:out
nanquantile a:nan q:{0.0,0.3,1.0,[0.2,0.7]} | axis:axes * keepdims:flag
nanpercentile a:nan q:{0,30,100} | axis:axes * keepdims:flag
nancumsum a:nan | axis:axis dtype:floating out:out
nancumprod a:nan | axis:axis dtype:floating out:out
dot a:table b:{columns} | out:out
vdot a:vector b:vector_too
inner a:vector b:vector_too
outer a:array b:array | out:out
matmul a:table b:{columns} | * out:out dtype:floating
tensordot a:table b:{columns} | axes:{1,([1],[0])}
einsum subscripts:{'ij,jk','ij,jk->ki','ij,jk->','...ij,jk->...ik'} a:table b:{columns} | * optimize:{True,False,'greedy','optimal'} out:out
kron a:array b:array
cross a:triples b:triples
vecdot a:vector b:vector_too | * axis:{0,-1} out:out
matvec a:table b:{columns1} | * out:out
vecmat a:vector b:{rows} | * out:out
trapezoid y:long | x:none dx:number axis:axis
take a:filled indices:{0,-1,[0,0],[[0]]} | axis:axis out:out mode:{'raise','wrap','clip'}
take_along_axis arr:atleast1 indices:order axis:last
choose a:{0,1,[0,1]} choices:two_of_two | out:out mode:{'raise','wrap','clip'}
compress condition:{[1],[1,0],[]} a:pairs | axis:axis out:out
extract condition:mask arr:array
delete arr:pairs obj:{0,-1,[0,1],[]} | axis:axis
insert arr:pairs obj:{0,-1,1,[0,1]} values:number | axis:axis
piecewise x:array condlist:masks1 funclist:{[0.5,2.0],[-1.0]}
bincount x:{[0,1,1]} | weights:triple minlength:{0,5}
searchsorted a:rising v:array | side:{'left','right'}
digitize x:array bins:rising | right:flag
nonzero a:atleast1
count_nonzero a:array | axis:axes * keepdims:flag
round a:array | decimals:{0,1,-1} out:out
around a:array | decimals:{0,1,-1}
fix x:array
any a:array | axis:axes * keepdims:flag where:mask
all a:array | axis:axes * keepdims:flag where:mask
isclose a:array b:broadcast | rtol:{0.5} atol:{0.5} equal_nan:flag
allclose a:array b:broadcast | rtol:{0.5}
array_equal a1:array a2:array
zeros_like a:array | dtype:floating
ones_like a:array | dtype:floating
full_like a:array fill_value:number | dtype:floating
copy a:array | order:{'C','F','K'}
asarray a:array | dtype:floating
array object:array | dtype:floating * ndmin:{0,2,4}
convolve a:vector v:vector | mode:{'full','same','valid'}
correlate a:vector v:vector | mode:{'full','same','valid'}
corrcoef x:long | y:same
cov m:long | y:same rowvar:flag bias:flag * ddof:{0,1}
histogram a:vector | bins:{3,[-2.0,0.0,1.0,3.0]} range:{(-3.0,3.0)} * weights:same
histogram2d x:vector y:same | bins:{2,[2,3]} * weights:same
histogramdd sample:{[vector_pair]} | bins:{2,[2,3]}
histogram_bin_edges a:vector | bins:{3}
interp x:array xp:rising fp:values_of_rising | left:number right:number
intersect1d ar1:vector ar2:vector
union1d ar1:vector ar2:vector
setdiff1d ar1:vector ar2:vector
setxor1d ar1:vector ar2:vector
unique ar:array | * return_index:flag return_inverse:flag return_counts:flag
unique_all x:array
unique_values x:array
unstack x:atleast1 | * axis:axis
unwrap p:atleast1 | discont:number axis:axis
vander x:vector | N:{0,2,3} increasing:flag
poly seq:vector
polyval p:vector x:array
polyadd a1:vector a2:vector
polysub a1:vector a2:vector
polymul a1:vector a2:vector
polydiv u:vector v:vector
polyder p:vector | m:{0,1,2}
polyint p:vector | m:{0,1,2} k:{[1.0,2.0]}
resize a:array new_shape:{0,3,(2,2)}
trim_zeros filt:vector | trim:{'f','b','fb'}
apply_along_axis f:{sum} axis:{-1} arr:atleast1
apply_over_axes f:{sum} a:filled axes:axis
linalg.norm x:several | ord:none axis:axis keepdims:flag
linalg.vector_norm x:several | * axis:axes keepdims:flag ord:{1,2,3,2.5}
linalg.matrix_norm x:table | * keepdims:flag ord:{'fro',1}
linalg.matrix_power a:square n:{0,1,2,3}
linalg.multi_dot arrays:chain
isin element:array test_elements:vector
isreal x:array
iscomplex x:array
ndim a:array
shape a:array
size a:array
flatnonzero a:array
argwhere a:array
logical_not x:array
""".strip().splitlines())
METHODS = frozenset("""
sum mean prod var std max min cumsum cumprod reshape ravel transpose swapaxes diagonal trace repeat take round any all clip
argmax argmin argsort squeeze dot nonzero
""".split())
GRAMMAR = {name: spec for name, spec in GRAMMAR.items() if hasattr(np, name.split(".")[0])}
