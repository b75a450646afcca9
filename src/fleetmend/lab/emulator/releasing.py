"""What ends with an instance, where moto goes on without noticing."""

from fleetmend.lab.emulator.untyped import Untyped


def release(backend: Untyped, instance: Untyped, *, covet: bool) -> None:
    """Let go of what moto leaves on a terminated instance: interfaces and addresses.

    With `covet` another interface takes the private address at once. moto takes care of volumes.
    EC2 User Guide, "Terminate Amazon EC2 instances".
    """
    for address in list(backend.addresses):
        if address.instance is instance or (address.eni and address.eni.instance is instance):
            backend.disassociate_address(association_id=address.association_id)
    for index, card in dict(instance.nics).items():
        if index:
            instance.detach_eni(card)
            card.status = "available"
        elif card.subnet:
            address = card.private_ip_address
            card.subnet.del_subnet_ip(address)
            backend.enis.pop(card.id, None)
            if covet:
                other = backend.create_network_interface(card.subnet, address)
                card.subnet.request_ip(address, other)  # or the next launch would be given it
