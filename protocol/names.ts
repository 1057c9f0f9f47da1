// Names that the filter, the control plane and Envoy's configurations agree on.

/** Header with the endpoints to try, `ip:port,ip:port`, best first. Never taken from a client. */
export const DESTINATION_HEADER: string = "x-gateway-destination-endpoint";

/**
 * Header with the cluster of the pool that the filter has found for the request, where a standalone
 * gateway's route would lead elsewhere. Never taken from a client.
 */
export const CLUSTER_HEADER: string = "x-hintway-cluster";

/** Envoy's cluster of the control plane. */
export const CONTROL_PLANE_CLUSTER: string = "hintway-control-plane";

/**
 * Header by which a replica of the control plane says where it listens, `ip:port`, and by which the
 * filter asks for that one again: its cluster goes there while the replica is there.
 */
export const REPLICA_HEADER: string = "x-hintway-replica";

/** Behind the name of a pool's cluster that came from disk, until the control plane is heard. */
export const LAST_KNOWN_SUFFIX: string = "-last-known";
