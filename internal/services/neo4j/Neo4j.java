import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.neo4j.configuration.GraphDatabaseSettings;
import org.neo4j.configuration.connectors.BoltConnector;
import org.neo4j.configuration.helpers.SocketAddress;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;

/**
 * Neo4j Community as one process, with Bolt on the loopback interface: java -cp 'lib/*' Neo4j.java HOME PORT < PASSWORD.
 * Prints "ready" once Bolt answers and the user neo4j has the password.
 */
class Neo4j {
    public static void main(String[] args) throws Exception {
        var password = new BufferedReader(new InputStreamReader(System.in)).readLine();
        var address = new SocketAddress("127.0.0.1", Integer.parseInt(args[1]));
        var dbms = new DatabaseManagementServiceBuilder(Path.of(args[0]))
            .setConfig(BoltConnector.enabled, true)
            .setConfig(BoltConnector.listen_address, address)
            .setConfig(BoltConnector.advertised_address, address)
            .setConfig(GraphDatabaseSettings.auth_enabled, true)
            .setConfig(GraphDatabaseSettings.auth_minimum_password_length, 1)
            .setConfig(GraphDatabaseSettings.pagecache_memory, 64L << 20)
            .setConfig(GraphDatabaseSettings.preallocate_logical_logs, false) // else each home takes 516 MB at once
            .setConfig(GraphDatabaseSettings.udc_enabled, false) // a test reports nothing to anybody
            .build();
        try (var tx = dbms.database("system").beginTx()) {
            tx.execute("CREATE OR REPLACE USER neo4j SET PASSWORD $password CHANGE NOT REQUIRED", Map.of("password", password));
            tx.commit();
        }
        System.out.println("ready");
        new CountDownLatch(1).await();
    }
}
