/* brook: an LSTM layer in C, in single precision, as small as one for a microcontroller.
 *
 * Weights lie unit by unit, in the order of use. For each unit: for each of its gates f, i, o, g the bias, the row of
 * W (inputs), the row of R (units); then its peepholes f, i, o, if the layer has peepholes.
 * Sequences lie row by row: x (rows, steps, inputs), y (rows, steps, units).
 */

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int32_t inputs, units;
    int32_t reverse, peepholes; /* 0 or 1 */
    float forget_bias;
    float cell_clip; /* 0: none */
} brook_layer;

enum { BROOK_OK = 0, BROOK_SIZE = 1, BROOK_MEMORY = 2 };

const char *brook_version(void) { return "0.3"; }

static float sigmoid(float z) { return 1.0f / (1.0f + expf(-z)); }

/* bias + row of W . x + row of R . h; moves on to the next gate's numbers. */
static float gate(const float **weights, const brook_layer *layer, const float *x, const float *h) {
    const float *w = *weights;
    float sum = *w++;
    for (int32_t n = 0; n < layer->inputs; n++) sum += *w++ * x[n];
    for (int32_t n = 0; n < layer->units; n++) sum += *w++ * h[n];
    *weights = w;
    return sum;
}

static void step(const brook_layer *layer, const float *w, const float *x, const float *h, float *c, float *out) {
    for (int32_t unit = 0; unit < layer->units; unit++) {
        float f = gate(&w, layer, x, h) + layer->forget_bias;
        float i = gate(&w, layer, x, h);
        float o = gate(&w, layer, x, h);
        float g = gate(&w, layer, x, h);
        if (layer->peepholes) {
            f += w[0] * c[unit];
            i += w[1] * c[unit];
        }
        c[unit] = sigmoid(f) * c[unit] + sigmoid(i) * tanhf(g);
        if (layer->cell_clip > 0) c[unit] = fmaxf(-layer->cell_clip, fminf(layer->cell_clip, c[unit]));
        if (layer->peepholes) {
            o += w[2] * c[unit];
            w += 3;
        }
        out[unit] = sigmoid(o) * tanhf(c[unit]);
    }
}

/* h and c (rows, units) hold the initial states before and the final ones after. lengths (rows), or NULL for all steps;
 * y is 0 past a row's length. */
int brook_run(const brook_layer *layer, const float *weights, const float *x, int32_t steps, int32_t rows,
              const int32_t *lengths, float *h, float *c, float *y) {
    const size_t units = (size_t)layer->units, inputs = (size_t)layer->inputs;
    if (layer->inputs < 1 || layer->units < 1 || steps < 0 || rows < 0) return BROOK_SIZE;
    float *next = malloc(units * sizeof(float));
    if (next == NULL) return BROOK_MEMORY;
    memset(y, 0, (size_t)rows * (size_t)steps * units * sizeof(float));
    for (int32_t row = 0; row < rows; row++, h += units, c += units) {
        const int32_t length = lengths == NULL ? steps : lengths[row];
        for (int32_t n = 0; n < length; n++) {
            const size_t t = (size_t)row * (size_t)steps + (size_t)(layer->reverse ? length - 1 - n : n);
            step(layer, weights, x + t * inputs, h, c, next);
            memcpy(h, next, units * sizeof(float));
            memcpy(y + t * units, next, units * sizeof(float));
        }
    }
    free(next);
    return BROOK_OK;
}
