/* Derivatives written by hand: the mark for what this machine can do. Compiled by c_by_hand.py for this machine, with -ffast-math.

   Vector mathematics goes over blocks that stay in the first-level cache, one loop for each function: so the compiler calls the platform's
   vector math library in each (with sin(x) and cos(x) in one loop body it calls a scalar sincos instead). Gradients are set, not added to. */

#include <math.h>
#include <string.h>

enum { BLOCK = 256 };

double rosenbrock(long n, const double *restrict x, double *restrict gradient) {
    double value = 0;
    for (long i = 0; i < n; i++) gradient[i] = 0;
    for (long i = 0; i + 1 < n; i++) {
        double climb = x[i + 1] - x[i] * x[i], rest = 1 - x[i];
        value += 100 * climb * climb + rest * rest;
        gradient[i] += -400 * x[i] * climb - 2 * rest;
        gradient[i + 1] += 200 * climb;
    }
    return value;
}

double waves(long n, const double *restrict x_all, double *restrict gradient_all) {
    double s[BLOCK], c[BLOCK], e[BLOCK], l[BLOCK], value = 0;
    for (long start = 0; start < n; start += BLOCK) {
        const double *restrict x = x_all + start;
        double *restrict gradient = gradient_all + start;
        long m = n - start < BLOCK ? n - start : BLOCK;
        double sum = 0;
        for (long i = 0; i < m; i++) s[i] = sin(x[i]);
        for (long i = 0; i < m; i++) c[i] = cos(x[i]);
        for (long i = 0; i < m; i++) e[i] = exp(-x[i] * x[i]);
        for (long i = 0; i < m; i++) l[i] = log1p(x[i] * x[i]);
        for (long i = 0; i < m; i++) {
            sum += s[i] * e[i] + l[i];
            gradient[i] = (c[i] - 2 * x[i] * s[i]) * e[i] + 2 * x[i] / (1 + x[i] * x[i]);
        }
        value += sum;
    }
    return value;
}

double black_scholes(long n, const double *restrict spots, const double *restrict strikes, const double *restrict rates,
                     const double *restrict volatilities, const double *restrict times, double *restrict delta, double *restrict dual,
                     double *restrict rho, double *restrict vega, double *restrict theta) {
    double d1[BLOCK], d2[BLOCK], n1[BLOCK], n2[BLOCK], density[BLOCK], discounted[BLOCK], value = 0;
    for (long start = 0; start < n; start += BLOCK) {
        long m = n - start < BLOCK ? n - start : BLOCK;
        const double *restrict spot = spots + start, *restrict strike = strikes + start, *restrict rate = rates + start;
        const double *restrict volatility = volatilities + start, *restrict time = times + start;
        for (long i = 0; i < m; i++) d1[i] = log(spot[i] / strike[i]);
        for (long i = 0; i < m; i++) discounted[i] = strike[i] * exp(-rate[i] * time[i]);
        for (long i = 0; i < m; i++) {
            double spread = volatility[i] * sqrt(time[i]);
            d1[i] = (d1[i] + (rate[i] + 0.5 * volatility[i] * volatility[i]) * time[i]) / spread;
            d2[i] = d1[i] - spread;
        }
        for (long i = 0; i < m; i++) n1[i] = 0.5 + 0.5 * erf(d1[i] * M_SQRT1_2);
        for (long i = 0; i < m; i++) n2[i] = 0.5 + 0.5 * erf(d2[i] * M_SQRT1_2);
        for (long i = 0; i < m; i++) density[i] = 0.39894228040143268 * exp(-0.5 * d1[i] * d1[i]);
        for (long i = 0; i < m; i++) {
            long j = start + i;
            double root = sqrt(time[i]), paid = discounted[i] * n2[i];
            value += spot[i] * n1[i] - paid;
            delta[j] = n1[i];
            dual[j] = -paid / strike[i];
            rho[j] = time[i] * paid;
            vega[j] = spot[i] * density[i] * root;
            theta[j] = 0.5 * spot[i] * density[i] * volatility[i] / root + rate[i] * paid;
        }
    }
    return value;
}

/* GMM of ADBench: one pass over the points; each point's terms by all k components, then their weights into the gradients.
   qs (k d): exp of the log diagonals; scaled (k d): Q (x - mean) of one point. */
double gmm(long n, long d, long k, const double *restrict alphas, const double *restrict means, const double *restrict icf,
           const double *restrict x, double *restrict alphas_bar, double *restrict means_bar, double *restrict icf_bar,
           double *restrict work) {
    long size = d * (d + 1) / 2;
    double *qs = work, *log_determinants = qs + k * d, *terms = log_determinants + k, *scaled = terms + k, *centred = scaled + k * d;
    double value = 0, largest = alphas[0], total = 0;
    for (long c = 0; c < k; c++) {
        log_determinants[c] = 0;
        for (long i = 0; i < d; i++) {
            log_determinants[c] += icf[c * size + i];
            qs[c * d + i] = exp(icf[c * size + i]);
        }
        largest = fmax(largest, alphas[c]);
    }
    memset(alphas_bar, 0, k * sizeof(double));
    memset(means_bar, 0, k * d * sizeof(double));
    memset(icf_bar, 0, k * size * sizeof(double));
    for (long p = 0; p < n; p++) {
        double top = -1e300, sum = 0;
        for (long c = 0; c < k; c++) {
            const double *restrict below = icf + c * size + d, *restrict q = qs + c * d;
            double *restrict xc = centred + c * d, *restrict qx = scaled + c * d;
            double square = 0;
            for (long i = 0; i < d; i++) {
                xc[i] = x[p * d + i] - means[c * d + i];
                qx[i] = q[i] * xc[i];
            }
            for (long j = 0; j < d; j++) {
                for (long i = j + 1; i < d; i++) qx[i] += below[i - j - 1] * xc[j];
                below += d - j - 1;
            }
            for (long i = 0; i < d; i++) square += qx[i] * qx[i];
            terms[c] = alphas[c] + log_determinants[c] - 0.5 * square;
            top = fmax(top, terms[c]);
        }
        for (long c = 0; c < k; c++) sum += terms[c] = exp(terms[c] - top);
        value += top + log(sum);
        for (long c = 0; c < k; c++) {
            const double *restrict below = icf + c * size + d, *restrict q = qs + c * d;
            const double *restrict xc = centred + c * d, *restrict qx = scaled + c * d;
            double *restrict mean_bar = means_bar + c * d, *restrict diagonal_bar = icf_bar + c * size, *restrict below_bar = diagonal_bar + d;
            double share = terms[c] / sum;
            alphas_bar[c] += share;
            for (long i = 0; i < d; i++) {
                mean_bar[i] += share * q[i] * qx[i];
                diagonal_bar[i] += share * (1 - q[i] * xc[i] * qx[i]);
            }
            for (long j = 0; j < d; j++) {
                double dot = 0, weighted = share * xc[j];
                for (long i = j + 1; i < d; i++) {
                    dot += below[i - j - 1] * qx[i];
                    below_bar[i - j - 1] -= weighted * qx[i];
                }
                mean_bar[j] += share * dot;
                below += d - j - 1;
                below_bar += d - j - 1;
            }
        }
    }
    for (long c = 0; c < k; c++) total += exp(alphas[c] - largest);
    value -= n * (largest + log(total)) + 0.5 * n * d * log(2 * M_PI) - 0.5 * k * d * (d + 1) * log(2) - 0.25 * k * d * (d - 1) * log(M_PI);
    for (long j = 0; j < d; j++) value += k * lgamma(0.5 * (d + 1 - j));
    for (long c = 0; c < k; c++) {
        alphas_bar[c] -= n * exp(alphas[c] - largest) / total;
        for (long i = 0; i < d; i++) {
            value += 0.5 * qs[c * d + i] * qs[c * d + i];
            icf_bar[c * size + i] += qs[c * d + i] * qs[c * d + i];
        }
        for (long i = d; i < size; i++) {
            value += 0.5 * icf[c * size + i] * icf[c * size + i];
            icf_bar[c * size + i] += icf[c * size + i];
        }
    }
    return value;
}

/* Blocks of bundle adjustment: blocks (2, 15, n), by camera (11), point (3) and weight, for observations in columns. */
void bundle(long n, const double *restrict cameras, const double *restrict points, const double *restrict weights,
            const double *restrict features, double *restrict blocks) {
    double angle[BLOCK], cosine[BLOCK], sine[BLOCK];
    for (long start = 0; start < n; start += BLOCK) {
        long m = n - start < BLOCK ? n - start : BLOCK;
        const double *restrict camera = cameras + start, *restrict point = points + start;
        const double *restrict weight = weights + start, *restrict feature = features + start;
        double *restrict u_row = blocks + start, *restrict v_row = blocks + 15 * n + start;
        for (long i = 0; i < m; i++) {
            double r0 = camera[i], r1 = camera[n + i], r2 = camera[2 * n + i];
            angle[i] = sqrt(r0 * r0 + r1 * r1 + r2 * r2);
        }
        for (long i = 0; i < m; i++) cosine[i] = cos(angle[i]);
        for (long i = 0; i < m; i++) sine[i] = sin(angle[i]);
        for (long i = 0; i < m; i++) {
            double c = cosine[i], s = sine[i], t = 1 - c, inverse = 1 / angle[i];
            double a0 = camera[i] * inverse, a1 = camera[n + i] * inverse, a2 = camera[2 * n + i] * inverse;
            double x = point[i] - camera[3 * n + i], y = point[n + i] - camera[4 * n + i], z = point[2 * n + i] - camera[5 * n + i];
            double dot = a0 * x + a1 * y + a2 * z;
            double k0 = a1 * z - a2 * y, k1 = a2 * x - a0 * z, k2 = a0 * y - a1 * x;
            double px = x * c + k0 * s + a0 * dot * t, py = y * c + k1 * s + a1 * dot * t, pz = z * c + k2 * s + a2 * dot * t;
            double away = 1 / pz, u = px * away, v = py * away, square = u * u + v * v;
            double focal = camera[6 * n + i], d1 = camera[9 * n + i], d2 = camera[10 * n + i], w = weight[i];
            double stretch = 1 + d1 * square + d2 * square * square, slope = 2 * (d1 + 2 * d2 * square);
            double uu = w * focal * (stretch + slope * u * u), uv = w * focal * slope * u * v, vv = w * focal * (stretch + slope * v * v);
            /* the errors by the turned point */
            double ux = uu * away, uy = uv * away, uz = -(uu * u + uv * v) * away;
            double vx = uv * away, vy = vv * away, vz = -(uv * u + vv * v) * away;
            /* the turned point by the angle, all else held */
            double gx = -x * s + k0 * c + a0 * dot * s, gy = -y * s + k1 * c + a1 * dot * s, gz = -z * s + k2 * c + a2 * dot * s;
            double u_angle = ux * gx + uy * gy + uz * gz, v_angle = vx * gx + vy * gy + vz * gz;
            /* the errors by the axis: s (point x error) + t (dot error + (a error) point) */
            double ua = a0 * ux + a1 * uy + a2 * uz, va = a0 * vx + a1 * vy + a2 * vz;
            double u0 = s * (y * uz - z * uy) + t * (dot * ux + ua * x), u1 = s * (z * ux - x * uz) + t * (dot * uy + ua * y),
                   u2 = s * (x * uy - y * ux) + t * (dot * uz + ua * z);
            double v0 = s * (y * vz - z * vy) + t * (dot * vx + va * x), v1 = s * (z * vx - x * vz) + t * (dot * vy + va * y),
                   v2 = s * (x * vy - y * vx) + t * (dot * vz + va * z);
            double u_along = a0 * u0 + a1 * u1 + a2 * u2, v_along = a0 * v0 + a1 * v1 + a2 * v2;
            u_row[i] = a0 * u_angle + (u0 - a0 * u_along) * inverse;
            u_row[n + i] = a1 * u_angle + (u1 - a1 * u_along) * inverse;
            u_row[2 * n + i] = a2 * u_angle + (u2 - a2 * u_along) * inverse;
            v_row[i] = a0 * v_angle + (v0 - a0 * v_along) * inverse;
            v_row[n + i] = a1 * v_angle + (v1 - a1 * v_along) * inverse;
            v_row[2 * n + i] = a2 * v_angle + (v2 - a2 * v_along) * inverse;
            /* by the point: the turn's transpose times the errors by the turned point */
            double up0 = ux * c - s * (a1 * uz - a2 * uy) + a0 * ua * t, up1 = uy * c - s * (a2 * ux - a0 * uz) + a1 * ua * t,
                   up2 = uz * c - s * (a0 * uy - a1 * ux) + a2 * ua * t;
            double vp0 = vx * c - s * (a1 * vz - a2 * vy) + a0 * va * t, vp1 = vy * c - s * (a2 * vx - a0 * vz) + a1 * va * t,
                   vp2 = vz * c - s * (a0 * vy - a1 * vx) + a2 * va * t;
            u_row[3 * n + i] = -up0;
            u_row[4 * n + i] = -up1;
            u_row[5 * n + i] = -up2;
            v_row[3 * n + i] = -vp0;
            v_row[4 * n + i] = -vp1;
            v_row[5 * n + i] = -vp2;
            u_row[6 * n + i] = w * u * stretch;
            v_row[6 * n + i] = w * v * stretch;
            u_row[7 * n + i] = w;
            u_row[8 * n + i] = 0;
            v_row[7 * n + i] = 0;
            v_row[8 * n + i] = w;
            u_row[9 * n + i] = w * focal * u * square;
            v_row[9 * n + i] = w * focal * v * square;
            u_row[10 * n + i] = w * focal * u * square * square;
            v_row[10 * n + i] = w * focal * v * square * square;
            u_row[11 * n + i] = up0;
            u_row[12 * n + i] = up1;
            u_row[13 * n + i] = up2;
            v_row[11 * n + i] = vp0;
            v_row[12 * n + i] = vp1;
            v_row[13 * n + i] = vp2;
            u_row[14 * n + i] = u * stretch * focal + camera[7 * n + i] - feature[i];
            v_row[14 * n + i] = v * stretch * focal + camera[8 * n + i] - feature[n + i];
        }
    }
}

/* The LSTM of ADBench. kept (c - 1, layers, 8, b): of each cell its input, hidden and cell before, forget, ingate, outgate, change,
   tanh of the cell after; predictions (c - 1, b). states (2, layers, 2, b): state, then its cotangent. */
double lstm(long layers, long characters, long b, const double *restrict main, const double *restrict extra, const double *restrict start,
            const double *restrict sequence, double *restrict main_bar, double *restrict extra_bar, double *restrict kept,
            double *restrict predictions, double *restrict states) {
    double value = 0, scale = -1.0 / ((characters - 1) * b), *restrict state_bar = states + layers * 2 * b, x[b], x_bar[b];
    memcpy(states, start, layers * 2 * b * sizeof(double));
    for (long t = 0; t + 1 < characters; t++) {
        const double *restrict now = sequence + t * b, *restrict next = now + b;
        double *restrict prediction = predictions + t * b, sum = 2, total = 0, dot = 0;
        for (long i = 0; i < b; i++) x[i] = now[i] * extra[i];
        for (long layer = 0; layer < layers; layer++) {
            const double *restrict w = main + layer * 8 * b, *restrict bias = w + 4 * b;
            double *restrict hidden = states + layer * 2 * b, *restrict cell = hidden + b, *restrict k = kept + (t * layers + layer) * 8 * b;
            for (long i = 0; i < b; i++) {
                k[i] = x[i];
                k[b + i] = hidden[i];
                k[2 * b + i] = cell[i];
            }
            for (long i = 0; i < b; i++) k[3 * b + i] = 1 / (1 + exp(-(x[i] * w[i] + bias[i])));
            for (long i = 0; i < b; i++) k[4 * b + i] = 1 / (1 + exp(-(hidden[i] * w[b + i] + bias[b + i])));
            for (long i = 0; i < b; i++) k[5 * b + i] = 1 / (1 + exp(-(x[i] * w[2 * b + i] + bias[2 * b + i])));
            for (long i = 0; i < b; i++) k[6 * b + i] = tanh(hidden[i] * w[3 * b + i] + bias[3 * b + i]);
            for (long i = 0; i < b; i++) cell[i] = cell[i] * k[3 * b + i] + k[4 * b + i] * k[6 * b + i];
            for (long i = 0; i < b; i++) k[7 * b + i] = tanh(cell[i]);
            for (long i = 0; i < b; i++) x[i] = hidden[i] = k[5 * b + i] * k[7 * b + i];
        }
        for (long i = 0; i < b; i++) prediction[i] = x[i] * extra[b + i] + extra[2 * b + i];
        for (long i = 0; i < b; i++) sum += exp(prediction[i]);
        for (long i = 0; i < b; i++) {
            dot += next[i] * prediction[i];
            total += next[i];
        }
        value += dot - total * log(sum);
    }
    memset(main_bar, 0, layers * 8 * b * sizeof(double));
    memset(extra_bar, 0, 3 * b * sizeof(double));
    memset(state_bar, 0, layers * 2 * b * sizeof(double));
    for (long t = characters - 2; t >= 0; t--) {
        const double *restrict now = sequence + t * b, *restrict next = now + b, *restrict prediction = predictions + t * b;
        double sum = 2, total = 0, e[b];
        for (long i = 0; i < b; i++) e[i] = exp(prediction[i]);
        for (long i = 0; i < b; i++) {
            sum += e[i];
            total += next[i];
        }
        const double *restrict last = kept + (t * layers + layers - 1) * 8 * b;
        for (long i = 0; i < b; i++) {
            double bar = scale * (next[i] - total * e[i] / sum);
            extra_bar[b + i] += bar * last[5 * b + i] * last[7 * b + i];
            extra_bar[2 * b + i] += bar;
            x_bar[i] = bar * extra[b + i];
        }
        for (long layer = layers - 1; layer >= 0; layer--) {
            const double *restrict w = main + layer * 8 * b, *restrict k = kept + (t * layers + layer) * 8 * b;
            double *restrict w_bar = main_bar + layer * 8 * b, *restrict bias_bar = w_bar + 4 * b;
            double *restrict hidden_bar = state_bar + layer * 2 * b, *restrict cell_bar = hidden_bar + b;
            for (long i = 0; i < b; i++) {
                double forget = k[3 * b + i], ingate = k[4 * b + i], outgate = k[5 * b + i], change = k[6 * b + i], squashed = k[7 * b + i];
                double out = x_bar[i] + hidden_bar[i], into = cell_bar[i] + out * outgate * (1 - squashed * squashed);
                double f = into * k[2 * b + i] * forget * (1 - forget), g = into * change * ingate * (1 - ingate);
                double o = out * squashed * outgate * (1 - outgate), c = into * ingate * (1 - change * change);
                w_bar[i] += f * k[i];
                w_bar[b + i] += g * k[b + i];
                w_bar[2 * b + i] += o * k[i];
                w_bar[3 * b + i] += c * k[b + i];
                bias_bar[i] += f;
                bias_bar[b + i] += g;
                bias_bar[2 * b + i] += o;
                bias_bar[3 * b + i] += c;
                cell_bar[i] = into * forget;
                hidden_bar[i] = g * w[b + i] + c * w[3 * b + i];
                x_bar[i] = f * w[i] + o * w[2 * b + i];
            }
        }
        for (long i = 0; i < b; i++) extra_bar[i] += x_bar[i] * now[i];
    }
    return scale * value;
}

/* Lotka-Volterra by Runge-Kutta steps of 0.01; kept (steps, 8): the populations at which the rates were taken. */
double predators(long steps, const double *restrict parameters, double *restrict gradient, double *restrict kept) {
    double a = parameters[0], b = parameters[1], c = parameters[2], d = parameters[3], x = parameters[4], y = parameters[5];
    const double h = 0.01, ahead[4] = {0, h / 2, h / 2, h}, share[4] = {h / 6, h / 3, h / 3, h / 6};
    for (long t = 0; t < steps; t++) {
        double x_rate = 0, y_rate = 0, x_sum = x, y_sum = y;
        for (int stage = 0; stage < 4; stage++) {
            double u = x + ahead[stage] * x_rate, v = y + ahead[stage] * y_rate;
            kept[8 * t + 2 * stage] = u;
            kept[8 * t + 2 * stage + 1] = v;
            x_rate = (a - b * v) * u;
            y_rate = (d * u - c) * v;
            x_sum += share[stage] * x_rate;
            y_sum += share[stage] * y_rate;
        }
        x = x_sum;
        y = y_sum;
    }
    double a_bar = 0, b_bar = 0, c_bar = 0, d_bar = 0, x_bar = 1, y_bar = 1;
    for (long t = steps - 1; t >= 0; t--) {
        double x_new = x_bar, y_new = y_bar, u_bar = 0, v_bar = 0;
        for (int stage = 3; stage >= 0; stage--) {
            double later = stage == 3 ? 0 : ahead[stage + 1];
            double x_rate = share[stage] * x_bar + later * u_bar, y_rate = share[stage] * y_bar + later * v_bar;
            double u = kept[8 * t + 2 * stage], v = kept[8 * t + 2 * stage + 1];
            a_bar += x_rate * u;
            b_bar -= x_rate * u * v;
            c_bar -= y_rate * v;
            d_bar += y_rate * u * v;
            u_bar = x_rate * (a - b * v) + y_rate * d * v;
            v_bar = y_rate * (d * u - c) - x_rate * b * u;
            x_new += u_bar;
            y_new += v_bar;
        }
        x_bar = x_new;
        y_bar = y_new;
    }
    double bars[6] = {a_bar, b_bar, c_bar, d_bar, x_bar, y_bar};
    memcpy(gradient, bars, sizeof bars);
    return x + y;
}
