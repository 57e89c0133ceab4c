"""What can go wrong with a picture of a face, in words for the person in front of the camera.

Each code is one row of ``MESSAGES``: the sentence says who can do what. Nothing here knows how a
code comes about.
"""

from __future__ import annotations

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    "not_a_picture": "这不是完整的 JPEG 或 PNG 图片，请重新拍一张。",
    "too_large": "图片的像素超过 400 万，请用本机摄像头拍摄，或缩小后再上传。",
    "too_many_bytes": "图片文件超过 5 MB，请用本机摄像头拍摄，或压缩后再上传。",
    "no_face": "没有看到人脸，请站到镜头正前方，靠近一点。",
    "two_faces": "画面里不止一个人，请其他人先退到镜头外。",
    "too_small": "请靠近一点。",
    "too_dark": "光线太暗，请开灯，或面向亮处。",
    "too_bright": "光线太强，请避开直射的灯光，或背对窗户的请换个方向。",
    "blurred": "画面模糊，请站稳，并擦一擦镜头。",
    "turned_away": "请正对镜头，不要侧脸、低头。",
    "person_changed": "几张画面不像同一个人，请一个人重新签到。",
    "too_few_pictures": "画面张数不够，请对着镜头多停一会儿。",
    "unknown": "没有认出您，请用工号和口令签到，或请督导代签。",
    "pin_needed": "请再输入工号和口令，确认是本人。",
    "not_this_person": "画面中的人与输入的工号不是同一个人，请本人签到。",
    "supervisor_needed": "代签要由另一位督导办理，并写明原因。",
    "model_changed": "识别模型已更换，请大厅管理员安排重新登记人脸；在此之前请用工号和口令签到。",
    "face_lost": "中途没有看到人脸，请一直面对镜头，再试一次。",
    "step_missing": "没有看到要求的动作，请看提示慢一点做，再试一次。",
    "wrong_step": "动作与提示不一致，请按新的提示再做一次。",
    "engine_busy": "识别正忙，请再试一次。",
    "engine_failed": "这次没有识别成功，请再试一次；多次不成请用工号和口令签到，并告诉大厅管理员。",
}
"""Code -> sentence shown and spoken at the terminal."""


class FaceError(Exception):
    """A picture was not measured, or not enough; ``code`` is one of ``MESSAGES``."""

    def __init__(self, code: str) -> None:
        self.message = MESSAGES[code]
        self.code = code
        super().__init__(f"{code}: {self.message}")
