package platform.connect;

import java.util.Map;

/**
 * How often, and how far apart, what failed of a connector is restarted.
 *
 * @param most how many times in a row; 0: never
 * @param unitMs what the waits are multiples of, in milliseconds
 */
record Policy(int most, long unitMs) {
    /** Of a connector that asks for nothing. */
    static final Policy NEVER = new Policy(0, 1);

    private static final String MOST = "auto.restart.max.restarts";
    private static final String UNIT = "auto.restart.backoff.ms";
    private static final long LONGEST = 60;

    /** Reads a connector's configuration; one without these settings, or with others than numbers, is left alone. */
    static Policy of(Map<String, String> config) {
        try {
            return new Policy(Integer.parseInt(config.get(MOST)), Long.parseLong(config.get(UNIT)));
        } catch (NumberFormatException none) {
            return NEVER;
        }
    }

    /**
     * How long after the restart number {@code restarts} the next one may come: n² + n units, at most 60. It is the rule
     * of Strimzi's operator (its API reference, AutoRestart), whose unit is a minute.
     */
    long waitMs(int restarts) {
        return Math.min((long) restarts * restarts + restarts, LONGEST) * unitMs;
    }
}
