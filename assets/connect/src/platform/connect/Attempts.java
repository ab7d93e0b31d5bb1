package platform.connect;

/** The restarts of one connector or task. Times are milliseconds of any clock that doesn't go back. */
final class Attempts {
    private static final long NOT = Long.MIN_VALUE;
    /** A failure stays to be seen for so long: an update that waits for the connector looks every half second. */
    private static final long SEEN_MS = 2_000;

    private int restarts;
    private long last = NOT;
    private long failedSince = NOT;

    /** Takes in that it doesn't fail: what has run for as long as the next wait would have been has recovered. */
    void well(Policy policy, long now) {
        failedSince = NOT;
        if (restarts > 0 && now - last >= Math.max(policy.waitMs(restarts), SEEN_MS)) {
            restarts = 0;
        }
    }

    /** Takes in that it has failed; tells whether it is time to restart it. */
    boolean failed(Policy policy, long now) {
        if (failedSince == NOT) {
            failedSince = now;
        }
        boolean waited = restarts == 0 || now - last >= policy.waitMs(restarts);
        return waited && restarts < policy.most() && now - failedSince >= SEEN_MS;
    }

    /** Takes in that it was restarted. */
    void restarted(long now) {
        restarts++;
        last = now;
        failedSince = NOT;
    }

    int restarts() {
        return restarts;
    }

    /** Whether it has failed as often as it may, and is left to people. */
    boolean givenUp(Policy policy) {
        return failedSince != NOT && restarts >= policy.most();
    }
}
