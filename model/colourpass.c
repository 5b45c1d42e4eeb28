/* The compiled pass of the colour classifier: CSV rows of three bytes -> colour space -> trees -> labels.
 *
 * It answers only what is plain: rows of three whole numbers from 0 to 255. Whatever else a body holds (hex colours,
 * decimals, quotes, faults) makes it answer None for that body, and Python, which can say what is wrong, does the work.
 * Every figure is computed with the same operations in the same order as model/colour.py and scikit-learn do, so that
 * the labels are the same; build with -ffp-contract=off.
 */
#define Py_LIMITED_API 0x030b0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    double threshold;
    int32_t feature; /* below 0: a leaf */
    int32_t left, right;
    int32_t label; /* of a leaf */
} Node;

typedef struct {
    PyObject_HEAD
    int is_lab;
    double curve[256]; /* byte -> linear light, or the byte itself */
    double matrix[9], white[3], epsilon, kappa;
    Node *nodes;
    int32_t node_count;
    char *labels; /* each with its newline, padded to `stride` */
    int32_t label_count, stride;
    int32_t *label_length;
} Pass;

static double lightness(double ratio, double epsilon, double kappa) {
    return ratio > epsilon ? cbrt(ratio) : (kappa * ratio + 16) / 116;
}

static int32_t classify(const Pass *self, int red, int green, int blue) {
    double l0 = self->curve[red], l1 = self->curve[green], l2 = self->curve[blue];
    float x[3];
    if (self->is_lab) {
        double f[3];
        for (int i = 0; i < 3; i++) {
            const double *m = self->matrix + 3 * i;
            f[i] = lightness((l0 * m[0] + l1 * m[1] + l2 * m[2]) / self->white[i], self->epsilon, self->kappa);
        }
        x[0] = (float)(116 * f[1] - 16);
        x[1] = (float)(500 * (f[0] - f[1]));
        x[2] = (float)(200 * (f[1] - f[2]));
    } else {
        x[0] = (float)l0, x[1] = (float)l1, x[2] = (float)l2;
    }
    const Node *node = self->nodes;
    while (node->feature >= 0) node = self->nodes + ((double)x[node->feature] <= node->threshold ? node->left : node->right);
    return node->label;
}

/* One whole number from 0 to 255 at `*at`; -1 when it is none. Leading zeros are fine, four digits are not. */
static inline int byte_at(const char **at, const char *end) {
    const char *p = *at;
    int value = 0, digits = 0;
    while (p < end && *p >= '0' && *p <= '9' && digits < 4) value = 10 * value + (*p++ - '0'), digits++;
    *at = p;
    return digits && digits < 4 && value < 256 ? value : -1;
}

/* Labels of a body into `out`, which has room; returns its length, or -1 when the body is not plain. */
static Py_ssize_t label_body(const Pass *self, const char *p, Py_ssize_t size, char *out) {
    const char *end = p + size;
    char *o = out;
    while (p < end) {
        if (*p == '\n' || (*p == '\r' && p + 1 < end && p[1] == '\n')) { /* a blank line is no row */
            p += *p == '\r' ? 2 : 1;
            continue;
        }
        int red = byte_at(&p, end);
        if (red < 0 || p >= end || *p++ != ',') return -1;
        int green = byte_at(&p, end);
        if (green < 0 || p >= end || *p++ != ',') return -1;
        int blue = byte_at(&p, end);
        if (blue < 0) return -1;
        if (p < end && *p == '\r') p++;
        if (p < end && *p++ != '\n') return -1;
        int32_t label = classify(self, red, green, blue);
        memcpy(o, self->labels + (size_t)label * self->stride, self->stride);
        o += self->label_length[label];
    }
    return o == out ? -1 : o - out; /* no row at all has an error to be told */
}

static PyObject *answer(Pass *self, const char *text, Py_ssize_t size) {
    if (size == 0) Py_RETURN_NONE;
    char small[4096];
    size_t room = ((size_t)size / 6 + 2) * self->stride; /* a row is six bytes or more: 0,0,0 and its newline */
    char *out = room <= sizeof small ? small : malloc(room);
    if (!out) return PyErr_NoMemory();
    Py_ssize_t length;
    if (size < 65536) {
        length = label_body(self, text, size, out);
    } else {
        Py_BEGIN_ALLOW_THREADS
        length = label_body(self, text, size, out);
        Py_END_ALLOW_THREADS
    }
    PyObject *body = length < 0 ? Py_NewRef(Py_None) : PyBytes_FromStringAndSize(out, length);
    if (out != small) free(out);
    return body;
}

/* raw(bodies) -> [bytes or None, ...] */
static PyObject *Pass_raw(PyObject *object, PyObject *bodies) {
    if (!PyList_Check(bodies)) return PyErr_Format(PyExc_TypeError, "a list of bytes is needed");
    Py_ssize_t count = PyList_Size(bodies);
    PyObject *answers = PyList_New(count);
    for (Py_ssize_t i = 0; answers && i < count; i++) {
        char *text;
        Py_ssize_t size;
        PyObject *body = PyBytes_AsStringAndSize(PyList_GetItem(bodies, i), &text, &size) ? NULL
                                                                                         : answer((Pass *)object, text, size);
        if (!body) {
            Py_CLEAR(answers);
            break;
        }
        PyList_SetItem(answers, i, body);
    }
    return answers;
}

static int read_exactly(PyObject *bytes, const char *name, void *into, Py_ssize_t size) {
    char *text;
    Py_ssize_t length;
    if (PyBytes_AsStringAndSize(bytes, &text, &length)) return -1;
    if (length != size) {
        PyErr_Format(PyExc_ValueError, "%s has %zd bytes, not %zd", name, length, size);
        return -1;
    }
    memcpy(into, text, (size_t)size);
    return 0;
}

static int take_nodes(Pass *self, PyObject *feature, PyObject *threshold, PyObject *left, PyObject *right, PyObject *label) {
    Py_ssize_t count = PyBytes_Size(threshold) / (Py_ssize_t)sizeof(double);
    if (count < 1 || count > INT32_MAX / 2) {
        PyErr_SetString(PyExc_ValueError, "a tree has a node or more");
        return -1;
    }
    size_t bytes = (size_t)count * sizeof(int32_t);
    double *thresholds = malloc((size_t)count * sizeof(double));
    int32_t *columns = malloc(4 * bytes);
    self->nodes = malloc((size_t)count * sizeof(Node));
    int failed = -1;
    if (!thresholds || !columns || !self->nodes) {
        PyErr_NoMemory();
    } else if (!read_exactly(threshold, "threshold", thresholds, count * (Py_ssize_t)sizeof(double)) &&
               !read_exactly(feature, "feature", columns, (Py_ssize_t)bytes) &&
               !read_exactly(left, "left", columns + count, (Py_ssize_t)bytes) &&
               !read_exactly(right, "right", columns + 2 * count, (Py_ssize_t)bytes) &&
               !read_exactly(label, "label", columns + 3 * count, (Py_ssize_t)bytes)) {
        failed = 0;
        for (int32_t i = 0; i < count && !failed; i++) {
            Node node = {thresholds[i], columns[i], columns[count + i], columns[2 * count + i], columns[3 * count + i]};
            /* children come after their parent: a walk ends, and stays inside */
            int inner = node.feature >= 0;
            failed = inner ? node.feature > 2 || node.left <= i || node.left >= count || node.right <= i || node.right >= count
                           : node.label < 0 || node.label >= self->label_count;
            self->nodes[i] = node;
        }
        if (failed) PyErr_SetString(PyExc_ValueError, "a node points outside the tree");
        self->node_count = (int32_t)count;
    }
    free(thresholds);
    free(columns);
    return failed ? -1 : 0;
}

static int take_labels(Pass *self, PyObject *labels) {
    Py_ssize_t count = PyList_Size(labels);
    if (count < 1) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "there are no labels");
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_ssize_t length = PyBytes_Size(PyList_GetItem(labels, i));
        if (length < 0) return -1;
        if (length > 4096) return PyErr_SetString(PyExc_ValueError, "a label is too long"), -1;
        if (length > self->stride) self->stride = (int32_t)length;
    }
    self->labels = calloc((size_t)count, (size_t)self->stride);
    self->label_length = calloc((size_t)count, sizeof(int32_t));
    if (!self->labels || !self->label_length) return PyErr_NoMemory(), -1;
    for (Py_ssize_t i = 0; i < count; i++) {
        char *text;
        Py_ssize_t length;
        if (PyBytes_AsStringAndSize(PyList_GetItem(labels, i), &text, &length)) return -1;
        memcpy(self->labels + i * self->stride, text, (size_t)length);
        self->label_length[i] = (int32_t)length;
    }
    self->label_count = (int32_t)count;
    return 0;
}

/* Pass(is_lab, curve, constants, labels, feature, threshold, left, right, label): arrays as their bytes, of float64 and
 * int32; constants are the matrix, the white point, epsilon and kappa; each label ends in its newline. */
static PyObject *Pass_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    int is_lab;
    PyObject *curve, *constants, *labels, *feature, *threshold, *left, *right, *label;
    if (kwargs && PyDict_Size(kwargs)) return PyErr_Format(PyExc_TypeError, "Pass takes no keywords");
    if (!PyArg_ParseTuple(args, "pOOOOOOOO", &is_lab, &curve, &constants, &labels, &feature, &threshold, &left, &right, &label))
        return NULL;
    allocfunc make = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Pass *self = (Pass *)make(type, 0);
    if (!self) return NULL;
    self->is_lab = is_lab;
    double numbers[14];
    if (read_exactly(curve, "curve", self->curve, sizeof self->curve) ||
        read_exactly(constants, "constants", numbers, sizeof numbers) || take_labels(self, labels) ||
        take_nodes(self, feature, threshold, left, right, label)) {
        Py_DECREF(self);
        return NULL;
    }
    memcpy(self->matrix, numbers, sizeof self->matrix);
    memcpy(self->white, numbers + 9, sizeof self->white);
    self->epsilon = numbers[12];
    self->kappa = numbers[13];
    return (PyObject *)self;
}

static void Pass_dealloc(PyObject *object) {
    Pass *self = (Pass *)object;
    PyTypeObject *type = Py_TYPE(object);
    free(self->nodes);
    free(self->labels);
    free(self->label_length);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"raw", Pass_raw, METH_O, "raw(bodies) -> the answer to each, or None where it is not plain"}, {NULL, NULL, 0, NULL}};
static PyType_Slot slots[] = {
    {Py_tp_new, Pass_new}, {Py_tp_dealloc, Pass_dealloc}, {Py_tp_methods, methods}, {0, NULL}};
static PyType_Spec spec = {"colourpass.Pass", sizeof(Pass), 0, Py_TPFLAGS_DEFAULT, slots};

static int execute(PyObject *module) {
    PyObject *type = PyType_FromSpec(&spec);
    int failed = !type || PyModule_AddObjectRef(module, "Pass", type);
    Py_XDECREF(type);
    return failed ? -1 : 0;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, execute}, {0, NULL}};
static PyModuleDef module = {PyModuleDef_HEAD_INIT, "colourpass", NULL, 0, NULL, module_slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_colourpass(void) { return PyModuleDef_Init(&module); }
