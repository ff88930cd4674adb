package llmengine.serve.http;

import io.helidon.common.buffers.BufferData;
import io.helidon.common.buffers.DataReader;
import io.helidon.common.buffers.DataWriter;
import io.helidon.common.concurrency.limits.Limit;
import io.helidon.common.socket.HelidonSocket;
import io.helidon.common.socket.PeerInfo;
import io.helidon.webserver.ConnectionContext;
import io.helidon.webserver.ListenerContext;
import io.helidon.webserver.ProxyProtocolData;
import io.helidon.webserver.Router;
import io.helidon.webserver.http1.Http1Config;
import io.helidon.webserver.http1.Http1ConnectionSelector;
import io.helidon.webserver.spi.ServerConnection;
import io.helidon.webserver.spi.ServerConnectionSelector;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;

/**
 * HTTP/1.1 whose connections can be watched while a request is answered: the server itself reads a
 * connection again only after the answer, and would not notice before that a client has gone.
 */
final class WatchedConnections implements ServerConnectionSelector {
  private final ServerConnectionSelector http1;
  private final Map<String, ReadAhead> open = new ConcurrentHashMap<>(); // by the id of the socket

  WatchedConnections(Http1Config config) {
    http1 = Http1ConnectionSelector.builder().config(config).build();
  }

  /** Reads ahead on this connection until {@link ClientWatch#close}. */
  ClientWatch watch(String socketId, Runnable gone) {
    ReadAhead connection = open.get(socketId);
    return connection == null ? () -> {} : connection.watch(gone);
  }

  /** Waiting for a request's bytes ends at this time of System.nanoTime; 0 for never. */
  void deadline(String socketId, long nanos) {
    ReadAhead connection = open.get(socketId);
    if (connection != null) {
      connection.deadline(nanos);
    }
  }

  /**
   * Closes this connection after the answer under way: the server itself leaves that to clients.
   */
  void last(String socketId) {
    ReadAhead connection = open.get(socketId);
    if (connection != null) {
      connection.last();
    }
  }

  @Override
  public int bytesToIdentifyConnection() {
    return http1.bytesToIdentifyConnection();
  }

  @Override
  public Support supports(BufferData data) {
    return http1.supports(data);
  }

  @Override
  public Set<String> supportedApplicationProtocols() {
    return http1.supportedApplicationProtocols();
  }

  @Override
  public ServerConnection connection(ConnectionContext context) {
    ReadAhead input = new ReadAhead(context.dataReader());
    ServerConnection connection =
        http1.connection(new WatchedContext(context, DataReader.create(input)));
    return new ServerConnection() {
      @Override
      public void handle(Limit limit) throws InterruptedException {
        open.put(context.childSocketId(), input);
        try {
          connection.handle(limit);
        } finally {
          open.remove(context.childSocketId());
        }
      }

      @Override
      public Duration idleTime() {
        return connection.idleTime();
      }

      @Override
      public void close(boolean interrupt) {
        connection.close(interrupt);
      }
    };
  }

  private record WatchedContext(ConnectionContext context, DataReader dataReader)
      implements ConnectionContext {
    @Override
    public ListenerContext listenerContext() {
      return context.listenerContext();
    }

    @Override
    public ExecutorService executor() {
      return context.executor();
    }

    @Override
    public DataWriter dataWriter() {
      return context.dataWriter();
    }

    @Override
    public Router router() {
      return context.router();
    }

    @Override
    public Optional<ProxyProtocolData> proxyProtocolData() {
      return context.proxyProtocolData();
    }

    @Override
    public HelidonSocket serverSocket() {
      return context.serverSocket();
    }

    @Override
    public PeerInfo remotePeer() {
      return context.remotePeer();
    }

    @Override
    public PeerInfo localPeer() {
      return context.localPeer();
    }

    @Override
    public boolean isSecure() {
      return context.isSecure();
    }

    @Override
    public String socketId() {
      return context.socketId();
    }

    @Override
    public String childSocketId() {
      return context.childSocketId();
    }
  }
}
