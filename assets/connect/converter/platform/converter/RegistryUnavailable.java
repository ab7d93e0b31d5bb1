package platform.converter;

/**
 * The schema registry stayed away: the task ends, and its record is read again when it is restarted.
 *
 * <p>An Error on purpose. With {@code errors.tolerance=all} Kafka Connect skips a record for any exception of a converter
 * and puts it into the dead letters, a RetriableException included when its time is over or the task is being stopped
 * (RetryWithToleranceOperator).
 */
final class RegistryUnavailable extends Error {
    private static final long serialVersionUID = 1L;

    RegistryUnavailable(String message, Throwable cause) {
        super(message, cause);
    }
}
