"""比对词: six Chinese words in place of a fingerprint, for two people before two screens.

Pure. 256 everyday words that sound and look different; six of them are 48 bits of a hash over both
sides' keys. Whoever wanted to stand in between would have to find keys with the same six words
within the quarter of an hour that a pairing code lasts.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

_TEXT = """
苹果 香蕉 西瓜 葡萄 橘子 草莓 樱桃 菠萝 芒果 柠檬 石榴 荔枝 核桃 花生 栗子 红枣
白菜 萝卜 土豆 番茄 黄瓜 茄子 南瓜 冬瓜 辣椒 芹菜 菠菜 蘑菇 大蒜 生姜 豆腐 玉米
米饭 面条 饺子 馒头 包子 油条 月饼 粽子 汤圆 豆浆 牛奶 绿茶 咖啡 蜂蜜 白糖 食盐
老虎 狮子 大象 熊猫 猴子 兔子 松鼠 狐狸 骆驼 山羊 水牛 骏马 斑马 长颈 刺猬 袋鼠
公鸡 鸭子 天鹅 燕子 麻雀 喜鹊 老鹰 孔雀 鹦鹉 企鹅 鸽子 海鸥 蝴蝶 蜜蜂 蜻蜓 蚂蚁
金鱼 鲤鱼 鲸鱼 海豚 乌龟 青蛙 螃蟹 龙虾 贝壳 海星 珊瑚 章鱼 鲨鱼 河马 鳄鱼 蜗牛
太阳 月亮 星星 白云 彩虹 闪电 春雷 细雨 大雪 寒霜 清风 晨雾 火山 瀑布 沙漠 草原
长江 黄河 泰山 大海 湖泊 小溪 岛屿 森林 田野 山谷 峭壁 温泉 冰川 沼泽 海滩 港湾
梅花 兰花 竹子 菊花 荷花 牡丹 玫瑰 桂花 松树 柳树 梧桐 银杏 枫叶 杨树 芦苇 青苔
红色 橙色 黄色 绿色 青色 蓝色 紫色 黑色 白色 灰色 棕色 粉色 金色 银色 墨绿 天蓝
铅笔 毛笔 钢笔 橡皮 尺子 书包 课本 地图 字典 信封 邮票 剪刀 胶水 粉笔 黑板 砚台
桌子 椅子 沙发 台灯 窗帘 地毯 镜子 时钟 花瓶 雨伞 钥匙 水壶 茶杯 筷子 勺子 砂锅
帽子 围巾 手套 毛衣 皮鞋 袜子 腰带 眼镜 手表 戒指 项链 纽扣 口袋 棉被 枕头 毛巾
汽车 火车 飞机 轮船 单车 卡车 地铁 马车 帆船 潜艇 火箭 卫星 桥梁 隧道 码头 灯塔
钢琴 吉他 笛子 二胡 锣鼓 唢呐 喇叭 口琴 足球 篮球 排球 象棋 风筝 秋千 滑梯 陀螺
医生 教师 农民 工人 司机 厨师 画家 歌手 木匠 渔夫 邮差 裁缝 船长 园丁 石匠 牧童
"""
WORDS: Final = tuple(_TEXT.split())
COUNT: Final = 6


def words_of(*keys: bytes) -> list[str]:
    """The words for these keys together, in this order."""
    digest = sha256(b"".join(keys)).digest()
    return [WORDS[byte] for byte in digest[:COUNT]]
