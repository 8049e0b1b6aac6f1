"""An embedded Kafka and Valkey, and the demo. The service's image has this code, and none of the servers."""
