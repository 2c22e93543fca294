"""Computer vision of ADBench: the reprojection errors of bundle adjustment, and the tracking of a hand by a skinned mesh.

Formulas from Srajer, Kukelova and Fitzgibbon (2018); data are random, as in its generators, in the sizes of its data sets.
Each observation of bundle adjustment comes with its own copy of its camera and its point: what is asked for are the 2 x 15 blocks of
the Jacobian. A rotation by exactly no angle, which needs a branch, does not occur in the data.
"""

import numpy as np


def project_columns(camera, point, weight, feature):
    """Weighted errors (2, n) of observations that stand in columns: camera (11, n), point (3, n), weight (n,), feature (2, n)."""
    r0, r1, r2, c0, c1, c2, focal, u0, v0, k1, k2 = camera
    x, y, z = point[0] - c0, point[1] - c1, point[2] - c2
    angle = np.sqrt(r0 * r0 + r1 * r1 + r2 * r2)
    cosine, sine = np.cos(angle), np.sin(angle)
    a0, a1, a2 = r0 / angle, r1 / angle, r2 / angle
    along = (a0 * x + a1 * y + a2 * z) * (1 - cosine)
    px = x * cosine + (a1 * z - a2 * y) * sine + a0 * along
    py = y * cosine + (a2 * x - a0 * z) * sine + a1 * along
    pz = z * cosine + (a0 * y - a1 * x) * sine + a2 * along
    u, v = px / pz, py / pz
    square = u * u + v * v
    scale = focal * (1 + k1 * square + k2 * square * square)
    return np.stack([weight * (u * scale + u0 - feature[0]), weight * (v * scale + v0 - feature[1])])


def project_rows(camera, point, weight, feature):
    """The same errors, (n, 2), of observations that stand in rows: camera (n, 11), point (n, 3), weight (n,), feature (n, 2)."""
    rotation, centre, focal, principal, distortion = camera[:, :3], camera[:, 3:6], camera[:, 6:7], camera[:, 7:9], camera[:, 9:]
    x = point - centre
    angle = np.sqrt(np.sum(rotation**2, axis=1, keepdims=True))
    axis = rotation / angle
    cosine, sine = np.cos(angle), np.sin(angle)
    turned = x * cosine + np.cross(axis, x) * sine + axis * np.sum(axis * x, axis=1, keepdims=True) * (1 - cosine)
    flat = turned[:, :2] / turned[:, 2:]
    square = np.sum(flat**2, axis=1, keepdims=True)
    distorted = flat * (1 + distortion[:, :1] * square + distortion[:, 1:] * square**2)
    return weight[:, None] * (distorted * focal + principal - feature)


def make_project_columns(n, cameras=49, points=7776):
    rng = np.random.default_rng(0)
    camera, point = rng.normal(size=(11, cameras)), rng.normal(size=(3, points))
    camera[6], camera[9:] = 1 + 0.1 * camera[6], 0.01 * camera[9:]
    point[2] += 10
    camera, point = np.take(camera, rng.integers(cameras, size=n), axis=1), np.take(point, rng.integers(points, size=n), axis=1)
    return camera, point, rng.normal(size=n), rng.normal(size=(2, n))


def make_project_rows(n, cameras=49, points=7776):
    return tuple(np.ascontiguousarray(array.T) for array in make_project_columns(n, cameras, points))


FINGERS, BONES = 5, 22
PARENTS = (-1, 0, 1, 2, 3, 4, 1, 6, 7, 8, 1, 10, 11, 12, 1, 14, 15, 16, 1, 18, 19, 20)


def rotation_about(x, y, z):
    """The matrix of a rotation by Euler angles about the three axes, first x, last z; 4 by 4."""
    cx, sx, cy, sy, cz, sz = np.cos(x), np.sin(x), np.cos(y), np.sin(y), np.cos(z), np.sin(z)
    return np.array(
        [
            [cy * cz, sx * sy * cz - cx * sz, cx * sy * cz + sx * sz, 0.0],
            [cy * sz, sx * sy * sz + cx * cz, cx * sy * sz - sx * cz, 0.0],
            [-sy, sx * cy, cx * cy, 0.0],
            [0.0, 0.0, 0.0, 1.0],
        ]
    )


def rotation_by(vector):
    """The matrix of a rotation by the length of a vector about its direction; 3 by 3."""
    angle = np.sqrt(np.sum(vector**2))
    x, y, z = vector / angle
    s, c = np.sin(angle), np.cos(angle)
    t = 1 - c
    return np.array(
        [
            [x * x * t + c, x * y * t - z * s, x * z * t + y * s],
            [x * y * t + z * s, y * y * t + c, y * z * t - x * s],
            [x * z * t - y * s, y * z * t + x * s, z * z * t + c],
        ]
    )


def bone_transforms(theta, relatives, inverses):
    """(22, 3, 4): where the bones take the mesh at rest; each finger has four angles."""
    absolutes = []
    for bone, parent in enumerate(PARENTS):
        relative = relatives[bone]
        finger, joint = divmod(bone - 2, 4)
        if bone >= 2 and joint < 3:
            place = 6 + 4 * finger + joint + (joint > 0)
            relative = relative @ rotation_about(theta[place], theta[place + 1] if joint == 0 else 0.0, 0.0)
        absolutes.append(relative if parent < 0 else absolutes[parent] @ relative)
    return (np.stack(absolutes) @ inverses)[:, :3]


def hand_vertices(theta, relatives, inverses, rest, weights):
    """(3, vertices): the mesh in the pose theta (26,): rotation, translation, angles."""
    moved = bone_transforms(theta, relatives, inverses) @ rest
    return rotation_by(theta[:3]) @ np.sum(moved * weights[:, None, :], axis=0) + theta[3:6, None]


def hand_simple(theta, relatives, inverses, rest, weights, nearest, points):
    """Errors (3, n) of points that each belong to a vertex."""
    return points - hand_vertices(theta, relatives, inverses, rest, weights)[:, nearest]


def hand_complicated(theta, shift, relatives, inverses, rest, weights, corners, places, points):
    """Errors (3, n) of points that each lie in a triangle, at barycentric places (2, n).

    A point's errors depend on its own place alone: the derivatives by all places are those by a shift (2,) of all of them.
    """
    vertices = hand_vertices(theta, relatives, inverses, rest, weights)
    u, v = places[0] + shift[0], places[1] + shift[1]
    return points - (u * vertices[:, corners[0]] + v * vertices[:, corners[1]] + (1 - u - v) * vertices[:, corners[2]])


def make_hand(n, vertices=544):
    rng = np.random.default_rng(0)
    theta = rng.normal(size=26)
    relatives = np.tile(np.eye(4), (BONES, 1, 1))
    relatives[:, :3, 3] = 0.3 * rng.normal(size=(BONES, 3))
    absolutes = []
    for bone, parent in enumerate(PARENTS):
        absolutes.append(relatives[bone] if parent < 0 else absolutes[parent] @ relatives[bone])
    weights = rng.uniform(size=(BONES, vertices)) ** 8
    rest = np.concatenate([rng.normal(size=(3, vertices)), np.ones((1, vertices))])
    return theta, relatives, np.linalg.inv(absolutes), rest, weights / weights.sum(axis=0), rng


def make_hand_simple(n):
    *model, rng = make_hand(n)
    return *model, rng.integers(model[3].shape[1], size=n), rng.normal(size=(3, n))


def make_hand_complicated(n):
    theta, *model, rng = make_hand(n)
    corners = rng.integers(model[2].shape[1], size=(3, n))
    return theta, np.zeros(2), *model, corners, rng.uniform(0, 0.5, size=(2, n)), rng.normal(size=(3, n))
