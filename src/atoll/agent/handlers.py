"""What an agent does for each request: one verb of its driver. Nothing is decided here."""

from atoll.messages import (
    EnsureConfigured,
    EnsureExport,
    EnsureImage,
    EnsureRunning,
    EnsureSnapshot,
    EnsureStopped,
    EnsureVolume,
    InspectGuest,
    InspectImport,
    OpenConsole,
    ReadExport,
    ReadGuestLog,
    ReadMetrics,
    ReadScreen,
    RemoveExport,
    RemoveGuest,
    RemoveImage,
    RemoveImport,
    RemoveSnapshot,
    RemoveVolume,
    Reply,
    Request,
    WriteImport,
)
from atoll.ports import Driver, Stream


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
            case EnsureSnapshot(snapshot_id=snapshot_id, volume_id=volume_id):
                return await driver.ensure_snapshot(snapshot_id, volume_id)
            case RemoveSnapshot(snapshot_id=snapshot_id):
                await driver.remove_snapshot(snapshot_id)
            case _:
                return await self._answer_about_transfer(request)
        return None

    async def _answer_about_transfer(self, request: Request) -> Reply:
        driver = self._driver
        match request:
            case EnsureExport(export_id=export_id, parcel=parcel):
                return await driver.ensure_export(export_id, parcel)
            case ReadExport(export_id=export_id, offset=offset, bytes_max=bytes_max):
                return await driver.read_export(export_id, offset, bytes_max)
            case RemoveExport(export_id=export_id):
                await driver.remove_export(export_id)
            case InspectImport(parcel=parcel):
                return await driver.inspect_import(parcel)
            case WriteImport():
                return await driver.write_import(
                    request.parcel, request.size_bytes, request.checksum, request.offset,
                    request.data,
                )  # fmt: skip
            case RemoveImport(parcel=parcel):
                await driver.remove_import(parcel)
            case _:
                return await self._answer_about_guest(request)
        return None

    async def _answer_about_guest(self, request: Request) -> Reply:
        driver = self._driver
        match request:
            case EnsureRunning(guest=guest):
                return await driver.ensure_running(guest)
            case EnsureConfigured(guest=guest):
                return await driver.ensure_configured(guest)
            case EnsureStopped(guest_id=guest_id, force=force):
                return await driver.ensure_stopped(guest_id, force=force)
            case RemoveGuest(guest_id=guest_id):
                await driver.remove(guest_id)
            case InspectGuest(guest_id=guest_id):
                return await driver.inspect(guest_id)
            case ReadGuestLog(guest_id=guest_id, bytes_max=bytes_max):
                return await driver.read_log(guest_id, bytes_max)
            case ReadScreen(guest_id=guest_id):
                return await driver.read_screen(guest_id)
            case ReadMetrics(guest_id=guest_id):
                return await driver.measure(guest_id)
        return None

    async def connect(self, request: OpenConsole) -> Stream:
        return await self._driver.open_console(request.guest_id, request.console)
