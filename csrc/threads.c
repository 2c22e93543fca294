/* A team of threads that waits for work. It starts them when there is work for them, and again in a forked child, which has none of
 * its parent's. One sweep at a time has the team; others run alone meanwhile, with the same result. */
#include "internal.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { tj_threads *team; int lane; pthread_t id; } member;

struct tj_threads {
    pthread_mutex_t lock;                     /* of all below */
    pthread_cond_t work_came, work_done;
    pid_t process;                            /* whose threads they are */
    int wanted, started, running;             /* running: a sweep has the team */
    uint64_t round;                           /* the number of the latest work */
    int lanes, left, stopping;                /* lanes of the latest work; how many of the others are not done; members from `stopping` on end */
    void (*work)(void *context, int lane);
    void *context;
    member members[TJ_MAX_THREADS];           /* member k is lane k + 1 */
};

static void forget_all(tj_threads *team) {
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->work_came, NULL);
    pthread_cond_init(&team->work_done, NULL);
    team->process = getpid();
    team->started = team->running = team->left = team->lanes = 0;
    team->stopping = TJ_MAX_THREADS;
}

tj_threads *tj_threads_new(void) {
    tj_threads *team = malloc(sizeof *team);
    if (!team)
        return NULL;
    memset(team, 0, sizeof *team);
    team->wanted = 1;
    forget_all(team);
    return team;
}

/* Takes the lock; in a forked child, of a team without threads. */
static void enter(tj_threads *team) {
    if (TJ_UNLIKELY(__atomic_load_n(&team->process, __ATOMIC_RELAXED) != getpid()))
        forget_all(team);
    pthread_mutex_lock(&team->lock);
}

static void *live(void *argument) {
    member *self = argument;
    tj_threads *team = self->team;
    uint64_t seen = 0;
    pthread_mutex_lock(&team->lock);
    for (;;) {
        while (self->lane <= team->stopping && (team->round == seen || team->left == 0 || self->lane >= team->lanes)) {
            seen = team->round;
            pthread_cond_wait(&team->work_came, &team->lock);
        }
        if (self->lane > team->stopping)
            break;
        seen = team->round;
        void (*work)(void *, int) = team->work;
        void *context = team->context;
        pthread_mutex_unlock(&team->lock);
        work(context, self->lane);
        pthread_mutex_lock(&team->lock);
        if (--team->left == 0)
            pthread_cond_signal(&team->work_done);
    }
    pthread_mutex_unlock(&team->lock);
    return NULL;
}

/* Starts members up to `count`, as far as the system allows. The lock is held. Signals are for the program's own threads. */
static void start(tj_threads *team, int count) {
    sigset_t all, before;
    if (team->started >= count)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int failed = 0; team->started < count && !failed;) {
        member *next = &team->members[team->started];
        *next = (member){.team = team, .lane = team->started + 1};
        failed = pthread_create(&next->id, NULL, live, next);
        team->started += !failed;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int tj_threads_count(tj_threads *team) { return __atomic_load_n(&team->wanted, __ATOMIC_RELAXED); }

void tj_threads_set(tj_threads *team, int count) {
    count = count < 1 ? 1 : count > TJ_MAX_THREADS ? TJ_MAX_THREADS : count;
    enter(team);
    while (team->running)
        pthread_cond_wait(&team->work_done, &team->lock);
    team->running = 1;
    __atomic_store_n(&team->wanted, count, __ATOMIC_RELAXED);
    const int before = team->started;
    if (before > count - 1) {
        team->stopping = count - 1;
        team->started = count - 1;
        pthread_cond_broadcast(&team->work_came);
        pthread_mutex_unlock(&team->lock);
        for (int k = count - 1; k < before; k++)
            pthread_join(team->members[k].id, NULL);
        pthread_mutex_lock(&team->lock);
        team->stopping = TJ_MAX_THREADS;
    }
    team->running = 0;
    pthread_cond_broadcast(&team->work_done);
    pthread_mutex_unlock(&team->lock);
}

void tj_threads_free(tj_threads *team) {
    if (!team)
        return;
    tj_threads_set(team, 1);
    pthread_mutex_destroy(&team->lock);
    pthread_cond_destroy(&team->work_came);
    pthread_cond_destroy(&team->work_done);
    free(team);
}

/* Runs work(context, 0) here and work(context, lane) for lanes below `most` in other threads, as many as there are; 0 when the team
   is taken, and then nothing was run. */
int tj_together(tj_threads *team, void (*work)(void *context, int lane), void *context, int most) {
    enter(team);
    if (team->running) {
        pthread_mutex_unlock(&team->lock);
        return 0;
    }
    start(team, most - 1);
    team->running = 1;
    team->lanes = team->started + 1 < most ? team->started + 1 : most;
    team->left = team->lanes - 1;
    team->work = work;
    team->context = context;
    team->round++;
    pthread_cond_broadcast(&team->work_came);
    pthread_mutex_unlock(&team->lock);
    work(context, 0);
    pthread_mutex_lock(&team->lock);
    while (team->left)
        pthread_cond_wait(&team->work_done, &team->lock);
    team->running = 0;
    pthread_cond_broadcast(&team->work_done);   /* tj_threads_set may wait */
    pthread_mutex_unlock(&team->lock);
    return 1;
}
