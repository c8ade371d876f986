"""What an agent does for each request: one verb of its driver. Nothing is decided here."""

from atoll.messages import (
    EnsureImage,
    EnsureRunning,
    EnsureStopped,
    EnsureVolume,
    InspectGuest,
    ReadGuestLog,
    RemoveGuest,
    RemoveImage,
    RemoveVolume,
    Reply,
    Request,
)
from atoll.ports import Driver


class Handlers:
    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    async def answer(self, request: Request) -> Reply:
        driver = self._driver
        match request:
            case EnsureImage(image=image):
                return await driver.ensure_image(image)
            case RemoveImage(image_id=image_id):
                await driver.remove_image(image_id)
            case EnsureVolume(volume=volume):
                await driver.ensure_volume(volume)
            case RemoveVolume(volume_id=volume_id):
                await driver.remove_volume(volume_id)
            case EnsureRunning(guest=guest):
                return await driver.ensure_running(guest)
            case EnsureStopped(guest_id=guest_id, graceful_s=graceful_s):
                return await driver.ensure_stopped(guest_id, graceful_s)
            case RemoveGuest(guest_id=guest_id):
                await driver.remove(guest_id)
            case InspectGuest(guest_id=guest_id):
                return await driver.inspect(guest_id)
            case ReadGuestLog(guest_id=guest_id, bytes_max=bytes_max):
                return await driver.read_log(guest_id, bytes_max)
        return None
