package platform.converter;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.nio.channels.UnresolvedAddressException;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;

/**
 * Whose fault it is that a record could not be converted. The clients of both registries are looked at by their public
 * methods, not by their classes, because an image has one or the other:
 *
 * <ul>
 *   <li>Confluent's {@code RestClientException.getStatus()} is the HTTP status;
 *   <li>Apicurio's {@code RestClientException.getError().getErrorCode()} is the HTTP status, or null where there was no
 *       answer; refusals of a login are exceptions of their own, without a status.
 * </ul>
 */
final class Blame {
    private static final Set<String> REFUSALS =
            Set.of("NotAuthorizedException", "ForbiddenException", "AuthException", "RateLimitedClientException");
    private static final String CLIENT = "RestClientException";
    private static final int NO_ANSWER = 0;

    private Blame() {}

    /** Tells whether the registry could not be asked, or would not answer; anything else is the record's fault. */
    static boolean isRegistrys(Throwable failure) {
        Set<Throwable> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        for (Throwable cause = failure; cause != null && seen.add(cause); cause = cause.getCause()) {
            if (cause instanceof UnresolvedAddressException || cause instanceof IOException && !decoding(cause)) {
                return true;
            }
            if (named(cause, REFUSALS) || named(cause, Set.of(CLIENT)) && passing(status(cause))) {
                return true;
            }
        }
        return false;
    }

    /** No answer, a failing server, a refused login, or too many requests: none of it is about one schema. */
    private static boolean passing(int status) {
        return status < 400 || status >= 500 || status == 401 || status == 403 || status == 408 || status == 429;
    }

    /** Avro reports a record that ends too soon as an IOException, too. */
    private static boolean decoding(Throwable cause) {
        return Arrays.stream(cause.getStackTrace()).anyMatch(frame -> frame.getClassName().startsWith("org.apache.avro."));
    }

    private static boolean named(Throwable cause, Set<String> names) {
        for (Class<?> kind = cause.getClass(); kind != null; kind = kind.getSuperclass()) {
            if (names.contains(kind.getSimpleName())) {
                return true;
            }
        }
        return false;
    }

    private static int status(Throwable cause) {
        try {
            if (has(cause, "getStatus")) {
                return (int) ask(cause, "getStatus");
            }
            Object error = ask(cause, "getError");
            Object code = error == null ? null : ask(error, "getErrorCode");
            return code == null ? NO_ANSWER : (int) code;
        } catch (ReflectiveOperationException | ClassCastException unknown) {
            // Another version of the client: a record is not given up for what isn't understood.
            return NO_ANSWER;
        }
    }

    private static boolean has(Object object, String method) {
        return Arrays.stream(object.getClass().getMethods())
                .anyMatch(each -> each.getName().equals(method) && each.getParameterCount() == 0);
    }

    private static Object ask(Object object, String method)
            throws NoSuchMethodException, IllegalAccessException, InvocationTargetException {
        return object.getClass().getMethod(method).invoke(object);
    }
}
